"""A song's tracks as a pair of vocal and instrumental; what is missing comes from the mixture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL, ConvertedTrack, read_samples
from yue.audio.decoders import Samples
from yue.errors import AudioError

# Kinds of songs, beside INSTRUMENTAL.
STEMS = "stems"  # with a pair
UNSEPARATED = "unseparated"  # a mixture alone, taken as music without singing

ADD_STEMS = "set separate.missing to separate, or add SONG.Vocals.* and SONG.Instrumental.*"

_SAME = 0.99  # correlation of two tracks that are one recording


@dataclass(frozen=True)
class StemPair:
    """The tracks of one song.

    Attributes:
        kind: ``stems`` or ``instrumental``.
        vocal: (samples,) float32; digital silence when there is no singing.
        instrumental: The same shape.
        mixture: The same shape; None if the song has none.
        derived: The roles that were made here and have no file yet.
    """

    kind: str
    vocal: Samples
    instrumental: Samples
    mixture: Samples | None
    derived: tuple[str, ...]


def make_pair(
    tracks: Mapping[str, ConvertedTrack], base: Path, missing: str, vocal: Samples | None = None
) -> StemPair:
    """Pair a song's tracks.

    Args:
        tracks: By role, at least one.
        base: The folder that the tracks' paths are relative to.
        missing: ``separate.missing``: what a song without a vocal becomes.
        vocal: The vocal that a separator found in the mixture, of its length, if one was asked.

    Raises:
        AudioError: No pair can be made of these tracks.
    """
    song_id = next(iter(tracks.values())).song_id
    samples = {role: load_mono(base / track.path) for role, track in tracks.items()}
    if len({track.shape for track in samples.values()}) > 1:
        lengths = ", ".join(f"{role} {track.shape}" for role, track in samples.items())
        raise AudioError(
            song_id,
            why=f"its tracks are not of one length: {lengths}",
            fix="convert them again: dvc repro -f convert",
        )
    mixture = samples.get(MIXTURE)
    if vocal is not None and mixture is not None:
        return StemPair(STEMS, vocal, mixture - vocal, mixture, (VOCAL, INSTRUMENTAL))
    vocal, instrumental = samples.get(VOCAL), samples.get(INSTRUMENTAL)
    if vocal is not None and instrumental is not None:
        _refuse_copies(vocal, instrumental, song_id)
        return StemPair(STEMS, vocal, instrumental, mixture, ())
    if vocal is not None and mixture is not None:
        rest = _subtract_stem(mixture, vocal, song_id, VOCAL)
        return StemPair(STEMS, vocal, rest, mixture, (INSTRUMENTAL,))
    if instrumental is not None and mixture is not None:
        rest = _subtract_stem(mixture, instrumental, song_id, INSTRUMENTAL)
        return StemPair(STEMS, rest, instrumental, mixture, (VOCAL,))
    if vocal is not None:
        raise AudioError(
            song_id,
            why="it has a vocal track only",
            fix="add its mixture or its instrumental: song.mp3 or song.Instrumental.mp3",
        )
    return _pair_without_vocal(song_id, instrumental, mixture, missing)


def _pair_without_vocal(
    song_id: str, instrumental: Samples | None, mixture: Samples | None, missing: str
) -> StemPair:
    if missing == "reject":
        raise AudioError(
            song_id,
            why="it has no vocal track, and separate.missing is reject",
            fix="add stems (song.Vocals.mp3 and song.Instrumental.mp3), or set separate.missing to "
            "separate, or to instrumental if nobody sings",
        )
    music = instrumental if instrumental is not None else mixture
    if music is None:
        raise AudioError(song_id, why="it has no track", fix="convert it again")
    return StemPair(INSTRUMENTAL, np.zeros_like(music), music, mixture, (VOCAL,))


def _refuse_copies(vocal: Samples, instrumental: Samples, song_id: str) -> None:
    """Refuse two stems of one recording: an instrumental (or the song) under both names."""
    product = float(np.dot(vocal, instrumental))
    norms = float(np.dot(vocal, vocal)) * float(np.dot(instrumental, instrumental))
    if norms and abs(product) > _SAME * norms**0.5:
        raise AudioError(
            song_id,
            why="its vocal and its instrumental track are the same recording",
            fix="export the stems again, or keep one file under the song's own name",
        )


def _subtract_stem(mixture: Samples, stem: Samples, song_id: str, role: str) -> Samples:
    """Return the mixture without one stem, if the stem is in it."""
    rest = mixture - stem
    if np.square(rest, dtype=np.float64).sum() > np.square(mixture, dtype=np.float64).sum():
        raise AudioError(
            song_id,
            why=f"its {role} track is not in its mixture: taking it away makes the rest louder",
            fix="the two must come from one session, of equal start and level; or give both stems",
        )
    return rest


def load_mono(path: Path) -> Samples:
    """Read a mono array.

    Raises:
        AudioError: It is missing, damaged, or not mono.
    """
    try:
        samples = read_samples(path)
    except (OSError, ValueError) as error:
        raise AudioError(
            str(path),
            why=f"it is not an array that `yue convert` wrote ({error})",
            fix="convert again: dvc repro -f convert",
        ) from error
    if samples.ndim != 1:
        raise AudioError(
            str(path),
            why=f"it has {samples.shape[0]} channels, and stems, codecs and YuE itself are mono",
            fix="set convert.mono to true",
        )
    return samples

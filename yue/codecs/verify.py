"""Codes on disk against the audio that they were made from: a sample of songs, encoded again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.codecs.audio_tracks import SongFiles, read_song
from yue.codecs.base import Codec, Codes
from yue.codecs.card import CodecCard, same_codec
from yue.errors import CodecError
from yue.files import read_jsonl
from yue.progress import Progress
from yue.tokens.codes_file import read_codes

# On a CPU a track's codes are the same in any company, on the same number of torch's threads. On a
# GPU a batch of another size may be added up in another order, which moves codes nearly tied.
_LEAST_EQUAL = {"cpu": 1.0, "cuda": 0.99}


@dataclass(frozen=True)
class Verified:
    """What was compared.

    Attributes:
        songs: How many songs.
        codes: How many codes.
        equal: Share of the codes that are the same.
    """

    songs: int
    codes: int
    equal: float


def verify_codes(folder: Path, songs: Sequence[SongFiles], codec: Codec, sample: int) -> Verified:
    """Encode a sample of songs again, each track by itself, and compare.

    Args:
        folder: What tokenizing wrote: ``codes.jsonl``, ``codec.json`` and the codes.
        songs: The audio.
        codec: The codec.
        sample: How many songs; 0: all. The same ones for the same songs.

    Raises:
        CodecError: The folder is of another codec or number of codebooks, has codes of no audio, or
            a track's codes are others than its audio's.
    """
    same_codec(CodecCard.read(folder / "codec.json"), codec.card)
    known = {song.song_id: song for song in songs}
    files = _files(folder)
    ids = sorted(files)
    chosen = set(random.Random(0).sample(ids, min(sample or len(ids), len(ids))))
    least = _LEAST_EQUAL[codec.device.split(":")[0]]
    codes = equal = 0
    with Progress("verify", len(chosen), "songs") as progress:
        for song_id in sorted(chosen):
            if song_id not in known:
                raise _differs(song_id, "there is no audio of it")
            song = known[song_id]
            for track, audio in zip(song.tracks, read_song(song, codec), strict=True):
                file = files[song_id].get(track.role)
                fresh = codec.encode_tracks([audio])[0]
                same = _equal(file, fresh, f"{song_id}, {track.role}", least)
                codes, equal = codes + fresh.size, equal + same
            progress.advance()
    return Verified(len(chosen), codes, equal / codes if codes else 1.0)


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """Song id to role to the file of its codes."""
    found: dict[str, dict[str, Path]] = {}
    for number, row in enumerate(read_jsonl(folder / "codes.jsonl"), 1):
        try:
            song_id, role = str(row["song_id"]), str(row["role"])
            found.setdefault(song_id, {})[role] = folder / Path(row["path"]).name
        except (KeyError, TypeError) as error:
            raise CodecError(
                f"{folder / 'codes.jsonl'}:{number}: not a row of this file ({error})",
                fix="tokenize again",
            ) from error
    return found


def _equal(file: Path | None, fresh: Codes, what: str, least: float) -> int:
    """How many codes are the same."""
    try:
        if file is None:
            raise _differs(what, "there are no codes of it")
        stored = read_codes(file)
    except (OSError, ValueError) as error:
        raise _differs(what, f"{file} cannot be read ({error})") from error
    if stored.shape != fresh.shape or stored.dtype != fresh.dtype:
        raise _differs(what, f"{stored.dtype} {stored.shape}, not {fresh.dtype} {fresh.shape}")
    same = int((stored == fresh).sum())
    if same < least * fresh.size:
        why = f"{fresh.size - same} of its {fresh.size} codes are others than those made now"
        raise _differs(what, f"{why}; a few may be, where a GPU or other threads made them")
    return same


def _differs(what: str, why: str) -> CodecError:
    return CodecError(
        f"the codes of {what} are not those of its audio",
        why=why,
        fix="tokenize again (in a project: dvc repro --force --single-item tokenize)",
    )

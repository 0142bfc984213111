"""One song's files to arrays: one gain, one trim and the same cuts for all its tracks.

Nothing holds a whole track in memory: decoded samples go to a scratch file, a first pass over all
tracks together finds where the song begins and ends and how loud it is (``segments.py``), a second
pass writes. A process takes 59 MiB (benchmarks/RESULTS.md; librosa, which holds files, 375).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from yue.audio.converted_tracks import (
    ConvertedTrack,
    quantise,
    to_float,
    write_header,
    write_tracks,
)
from yue.audio.decode import open_audio
from yue.audio.decoders import Samples
from yue.audio.loudness import block_ranges, downmix
from yue.audio.measures import Meter, clipped
from yue.audio.resample import make_resampler
from yue.audio.segments import plan_song
from yue.errors import AudioError
from yue.recipe.model import Convert

VERSION = 3  # part of every store key: raise it when other samples come out
ROWS = "audio.jsonl"

_LENGTH_TOLERANCE = 1.0  # seconds by which tracks of one song may differ (padding of encoders)


@dataclass(frozen=True)
class _DecodedTrack:
    """A track at the target rate, as raw float32 in a scratch file."""

    path: Path
    length: int
    channels: int
    clipped_share: float

    def samples(self, length: int) -> Samples:
        """Map the track, (length, channels); silence follows where it is shorter."""
        with self.path.open("r+b") as file:
            file.truncate(length * self.channels * 4)
        return np.memmap(self.path, np.float32, "r", shape=(length, self.channels))


@dataclass(frozen=True)
class _AlignedTrack:
    """A track beside the others of its song, all (samples, channels) of one length."""

    samples: Samples
    clipped_share: float


def convert_song(
    song_id: str, files: Mapping[str, tuple[Path, str]], settings: Convert, folder: Path
) -> None:
    """Write a song's arrays and their rows.

    The rows are complete but for what differs between songs of equal audio: ``song_id`` is only
    the piece's ending (``#000`` or nothing), ``path`` the file's name, ``source`` and ``digest``
    are empty.

    Args:
        song_id: What messages call the song.
        files: Role to path and to what messages call the file.
        settings: The recipe's section.
        folder: Where to write; it exists.

    Raises:
        AudioError: A file cannot be used, or the files are not tracks of one song.
    """
    decoded = {
        role: _decode(path, name, settings, folder / f"{role}.raw")
        for role, (path, name) in files.items()
    }
    tracks = _align_tracks(song_id, decoded, settings.sample_rate)
    plan = plan_song(song_id, {role: track.samples for role, track in tracks.items()}, settings)
    rows = []
    for number, (start, end) in enumerate(plan.pieces):
        ending = "" if settings.segment_length is None else f"#{number:03}"
        for role, track in tracks.items():
            path = folder / f"{number:03}.{role}.npy"
            rows.append(_write_piece(path, ending, role, track, (start, end), plan.gain, settings))
    write_tracks(folder / ROWS, rows)
    for scratch in decoded.values():
        scratch.path.unlink()


def _decode(path: Path, name: str, settings: Convert, scratch: Path) -> _DecodedTrack:
    at_full_scale = values = length = 0
    with open_audio(path, name) as audio, scratch.open("wb") as out:
        channels = 1 if settings.mono else audio.format.channels
        rate = settings.sample_rate
        resampler = make_resampler(settings.resampler, audio.format.sample_rate, rate, channels)
        for block in audio.blocks():
            at_full_scale += clipped(block)
            values += block.size
            mixed = downmix(block) if settings.mono else block
            length += _append(out, resampler.push(mixed))
        length += _append(out, resampler.finish())
    return _DecodedTrack(scratch, length, channels, at_full_scale / values)


def _append(out: IO[bytes], samples: Samples) -> int:
    out.write(samples.tobytes())
    return len(samples)


def _align_tracks(
    song_id: str, decoded: Mapping[str, _DecodedTrack], rate: int
) -> dict[str, _AlignedTrack]:
    """Return the tracks at one length, if they can be of one recording."""
    lengths = {role: track.length for role, track in decoded.items()}
    longest = max(lengths.values())
    if longest - min(lengths.values()) > _LENGTH_TOLERANCE * rate:
        seconds = ", ".join(f"{role} {n / rate:.1f} s" for role, n in lengths.items())
        raise AudioError(
            song_id,
            why=f"its tracks are not of one recording: {seconds}",
            fix="export all tracks from the same start to the same end, or rename what is not "
            "of this song",
        )
    channels = {track.channels for track in decoded.values()}
    if len(channels - {1}) > 1:
        raise AudioError(
            song_id,
            why=f"its tracks have {' and '.join(map(str, sorted(channels)))} channels",
            fix="set convert.mono to true, or export them alike",
        )
    return {
        role: _AlignedTrack(track.samples(longest), track.clipped_share)
        for role, track in decoded.items()
    }


def _write_piece(
    path: Path,
    ending: str,
    role: str,
    track: _AlignedTrack,
    piece: tuple[int, int],
    gain: float,
    settings: Convert,
) -> ConvertedTrack:
    """Write one track of one piece, and measure what was written."""
    rate, channels = settings.sample_rate, track.samples.shape[1]
    start, end = piece
    meter = Meter(rate, channels)
    with path.open("wb") as out:
        write_header(out, end - start, channels, settings.dtype, mono=settings.mono)
        for first, last in block_ranges(start, end, rate):
            stored = quantise(track.samples[first:last] * np.float32(gain), settings.dtype)
            out.write(stored.tobytes())
            meter.push(to_float(stored))
    return ConvertedTrack(
        song_id=ending,
        role=role,
        path=path.name,
        source="",
        sample_rate=rate,
        samples=end - start,
        seconds=round((end - start) / rate, 6),
        gain_db=round(20 * math.log10(gain), 6),
        trim_start=round(start / rate, 6),
        clipped_share=round(track.clipped_share, 9),
        digest="",
        **asdict(meter.measures()),
    )

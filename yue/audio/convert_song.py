"""One song's files to arrays: one gain, one trim and the same cuts for all its tracks.

Nothing holds a whole track in memory: decoded samples go to a scratch file, a first pass over all
tracks together finds where the song begins and ends and how loud it is, a second pass writes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np

from yue.audio.converted_tracks import (
    MIXTURE,
    Track,
    as_float,
    quantised,
    write_header,
    write_tracks,
)
from yue.audio.decode import Samples, open_audio
from yue.audio.loudness import (
    LoudnessMeter,
    TruePeakMeter,
    block_ranges,
    downmix,
    frame_peaks,
    frame_samples,
    song_gain,
)
from yue.audio.measures import Meter, clipped, decibels
from yue.audio.resample import make_resampler
from yue.audio.segments import cut, sounding_frames
from yue.errors import AudioError
from yue.recipe.model import Convert

VERSION = 3  # part of every store key: raise it when other samples come out
ROWS = "audio.jsonl"

_LENGTH_TOLERANCE = 1.0  # seconds by which tracks of one song may differ (padding of encoders)
_SILENT = 1e-4  # a song whose peak is below -80 dB of full scale holds nothing to train on


@dataclass(frozen=True)
class _Decoded:
    """A track at the target rate, as raw float32 in a scratch file."""

    path: Path
    length: int
    channels: int
    clipped_share: float

    def samples(self, length: int) -> Samples:
        """The track, (length, channels), mapped; silence follows where it is shorter."""
        with self.path.open("r+b") as file:
            file.truncate(length * self.channels * 4)
        return np.memmap(self.path, np.float32, "r", shape=(length, self.channels))


@dataclass(frozen=True)
class _Track:
    """A track beside the others of its song, all (samples, channels) of one length."""

    samples: Samples
    clipped_share: float


@dataclass(frozen=True)
class _Plan:
    """What is done to all tracks of the song alike: a factor, and ranges of samples."""

    gain: float
    pieces: tuple[tuple[int, int], ...]


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
    tracks = _align(song_id, decoded, settings.sample_rate)
    plan = _plan(song_id, tracks, settings)
    rows = []
    for number, (start, end) in enumerate(plan.pieces):
        ending = "" if settings.segment_length is None else f"#{number:03}"
        for role, track in tracks.items():
            path = folder / f"{number:03}.{role}.npy"
            rows.append(_write(path, ending, role, track, (start, end), plan.gain, settings))
    write_tracks(folder / ROWS, rows)
    for scratch in decoded.values():
        scratch.path.unlink()


def _decode(path: Path, name: str, settings: Convert, scratch: Path) -> _Decoded:
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
    return _Decoded(scratch, length, channels, at_full_scale / values)


def _append(out: IO[bytes], samples: Samples) -> int:
    out.write(samples.tobytes())
    return len(samples)


def _align(song_id: str, decoded: Mapping[str, _Decoded], rate: int) -> dict[str, _Track]:
    """Tracks of one length, if they can be of one recording."""
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
        role: _Track(track.samples(longest), track.clipped_share) for role, track in decoded.items()
    }


def _plan(song_id: str, tracks: Mapping[str, _Track], settings: Convert) -> _Plan:
    rate = settings.sample_rate
    length = max(len(track.samples) for track in tracks.values())
    channels = max(track.samples.shape[1] for track in tracks.values())
    loudness = LoudnessMeter(rate, channels)
    true_peaks = {
        role: TruePeakMeter(rate, track.samples.shape[1])
        for role, track in tracks.items()
        if settings.normalize == "loudness"
    }
    highest, mix_peaks = [], []
    for blocks in _aligned_blocks(tracks, length, rate):
        mix = blocks[MIXTURE] if MIXTURE in blocks else _sum(blocks)
        highest.append(np.max([frame_peaks(block, rate) for block in blocks.values()], axis=0))
        mix_peaks.append(frame_peaks(mix, rate))
        if settings.normalize == "loudness":
            loudness.push(mix)
        for role, meter in true_peaks.items():
            meter.push(blocks[role])
    frames = np.concatenate(highest)
    first, last = 0, len(frames)
    if settings.trim_silence:
        first, last = sounding_frames(np.concatenate(mix_peaks))
    peak = float(frames[first:last].max())
    if peak < _SILENT:
        raise AudioError(
            song_id,
            why=f"it is silent (peak {decibels(peak):.0f} dB of full scale)",
            fix="remove it, or export it again",
        )
    start, end = first * frame_samples(rate), min(last * frame_samples(rate), length)
    pieces = cut(
        start,
        end,
        rate,
        settings.segment_length,
        settings.min_segment_length,
        np.concatenate(mix_peaks) if settings.segment_cut == "quiet" else None,
    )
    if not pieces:
        raise AudioError(
            song_id,
            why=f"it has {(end - start) / rate:.2f} s of sound, and convert.min_segment_length is "
            f"{settings.min_segment_length} s",
            fix="remove it, or lower convert.min_segment_length",
        )
    gain = song_gain(
        settings.normalize,
        max([peak, *(meter.value() for meter in true_peaks.values())]),
        loudness.value(),
        max_amplitude=settings.max_amplitude,
        loudness=settings.loudness,
    )
    return _Plan(gain, pieces)


def _aligned_blocks(
    tracks: Mapping[str, _Track], length: int, rate: int
) -> Iterator[dict[str, Samples]]:
    for start, end in block_ranges(0, length, rate):
        yield {role: track.samples[start:end] for role, track in tracks.items()}


def _sum(blocks: Mapping[str, Samples]) -> Samples:
    return functools.reduce(np.add, blocks.values())


def _write(
    path: Path,
    ending: str,
    role: str,
    track: _Track,
    piece: tuple[int, int],
    gain: float,
    settings: Convert,
) -> Track:
    """Write one track of one piece, and measure what was written."""
    rate, channels = settings.sample_rate, track.samples.shape[1]
    start, end = piece
    meter = Meter(rate, channels)
    with path.open("wb") as out:
        write_header(out, end - start, channels, settings.dtype, mono=settings.mono)
        for first, last in block_ranges(start, end, rate):
            stored = quantised(track.samples[first:last] * np.float32(gain), settings.dtype)
            out.write(stored.tobytes())
            meter.push(as_float(stored))
    return Track(
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

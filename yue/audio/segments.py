"""What is done to all tracks of a song alike: one gain, one trim, and the same cuts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from yue.audio.converted_tracks import MIXTURE
from yue.audio.decoders import Samples
from yue.audio.loudness import (
    LoudnessMeter,
    TruePeakMeter,
    block_ranges,
    frame_peaks,
    frame_samples,
    song_gain,
)
from yue.audio.measures import decibels
from yue.errors import AudioError
from yue.recipe.model import Convert

_SILENT = 1e-4  # a song whose peak is below -80 dB of full scale holds nothing to train on
_THRESHOLD = 1e-3  # of the mix's peak: -60 dB
_MARGIN = 5  # frames kept on either side, so that no attack or tail is cut
_EARLIEST = 0.75  # of the length of a piece, before which a quiet moment does not end it
_AROUND = 5  # frames: a moment is as loud as the 50 ms on either side


@dataclass(frozen=True)
class SongPlan:
    """What is done to all tracks of the song alike.

    Attributes:
        gain: The factor.
        pieces: First sample, and one past the last, of each.
    """

    gain: float
    pieces: tuple[tuple[int, int], ...]


def plan_song(song_id: str, tracks: Mapping[str, Samples], settings: Convert) -> SongPlan:
    """Decide on the gain and the cuts of a song, in one pass over all its tracks together.

    Args:
        song_id: What messages call the song.
        tracks: Role to samples, all (samples, channels) of one length.
        settings: The recipe's section.

    Raises:
        AudioError: The song is silent, or too short.
    """
    rate = settings.sample_rate
    length = max(map(len, tracks.values()))
    peaks, mix_peaks, lufs, true_peak = _measure(tracks, length, settings)
    first, last = sounding_frames(mix_peaks) if settings.trim_silence else (0, len(peaks))
    peak = float(peaks[first:last].max())
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
        mix_peaks if settings.segment_cut == "quiet" else None,
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
        max(peak, true_peak),
        lufs,
        max_amplitude=settings.max_amplitude,
        loudness=settings.loudness,
    )
    return SongPlan(gain, pieces)


def _measure(
    tracks: Mapping[str, Samples], length: int, settings: Convert
) -> tuple[Samples, Samples, float | None, float]:
    """Measure all tracks together, block by block.

    Returns:
        The peak of each 10 ms frame over all tracks, and of the mix; the mix's loudness and the
        true peak over all tracks, where the gain depends on them (else None and 0).
    """
    rate, by_loudness = settings.sample_rate, settings.normalize == "loudness"
    loudness = LoudnessMeter(rate, max(track.shape[1] for track in tracks.values()))
    true_peaks = {
        role: TruePeakMeter(rate, track.shape[1]) for role, track in tracks.items() if by_loudness
    }
    peaks, mix_peaks = [], []
    for start, end in block_ranges(0, length, rate):
        blocks = {role: track[start:end] for role, track in tracks.items()}
        mix = blocks[MIXTURE] if MIXTURE in blocks else functools.reduce(np.add, blocks.values())
        peaks.append(np.max([frame_peaks(block, rate) for block in blocks.values()], axis=0))
        mix_peaks.append(frame_peaks(mix, rate))
        if by_loudness:
            loudness.push(mix)
        for role, meter in true_peaks.items():
            meter.push(blocks[role])
    true_peak = max((meter.value() for meter in true_peaks.values()), default=0.0)
    return np.concatenate(peaks), np.concatenate(mix_peaks), loudness.value(), true_peak


def sounding_frames(mix_peaks: Samples) -> tuple[int, int]:
    """Return the range of frames from the first to the last that sounds, with a margin of 50 ms.

    Args:
        mix_peaks: The largest absolute sample of the mix, for every frame.

    Returns:
        First frame, and one past the last; the whole range if nothing sounds.
    """
    sounding = np.flatnonzero(mix_peaks > _THRESHOLD * mix_peaks.max(initial=0))
    if not len(sounding):
        return 0, len(mix_peaks)
    return max(0, int(sounding[0]) - _MARGIN), min(len(mix_peaks), int(sounding[-1]) + 1 + _MARGIN)


def cut(
    start: int,
    end: int,
    sample_rate: int,
    length: float | None,
    shortest: float,
    levels: Samples | None = None,
) -> tuple[tuple[int, int], ...]:
    """Cut a song into pieces, in samples.

    Args:
        start: First sample of the song.
        end: One past its last.
        sample_rate: Hertz.
        length: Seconds of a piece; None makes the song one piece.
        shortest: Seconds below which a song, or what is left at its end, gives no piece.
        levels: The peak of each 10 ms frame from sample 0 on. If given, a piece ends at the
            quietest moment in the last quarter of ``length``, else after exactly that.
    """
    step = end - start if length is None else max(1, round(length * sample_rate))
    pieces, first = [], start
    while first < end:
        last = first + step
        if levels is not None and last < end:
            earliest = first + round(max(_EARLIEST * step, min(shortest * sample_rate, step)))
            last = _find_quiet_border(levels, earliest, last, frame_samples(sample_rate))
        pieces.append((first, min(last, end)))
        first = last
    return tuple(
        (first, last)
        for first, last in pieces
        if last - first >= shortest * sample_rate or (length is not None and last - first == step)
    )


def _find_quiet_border(levels: Samples, first: int, last: int, frame: int) -> int:
    """Return the quietest border of two frames in a range of samples; of equal ones the last."""
    borders = np.arange(-(-first // frame), last // frame + 1)
    if not len(borders):
        return last
    padded = np.pad(levels, _AROUND)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND)[borders]
    loudness = around.max(axis=1)
    return int(borders[np.flatnonzero(loudness == loudness.min())[-1]]) * frame

"""Where there is singing: the level of the vocal stem against the level of the song.

A level cannot tell a voice from a band, but the lowest octaves can: kick and bass put a quarter of
a song's power and more below 80 Hz, a voice puts nothing there.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from yue.audio.decode import Samples

_FRAME = 0.05  # seconds
_HYSTERESIS = 6.0  # dB: singing that has begun goes on until the level is that far below
_BRIDGED = 0.5  # seconds: a shorter pause is a breath
_SHORTEST = 0.3  # seconds: a shorter sound is no singing

BAND_SHARE = 0.1
"""Share of a track's power in the bass, from which on it holds more than a voice."""

_BASS = (30.0, 80.0)  # hertz; below it are offsets and rumble, above it voices begin

Levels = npt.NDArray[np.float64]


def singing_spans(
    vocal: Samples, mixture: Samples, sample_rate: int, threshold_db: float
) -> tuple[tuple[float, float], ...]:
    """The stretches with singing.

    The reference is the loud part of the mixture (its frames' power, weighted by itself), one level
    for the whole song: a local one would call the bleed between two verses singing whenever the
    band pauses.

    Args:
        vocal: The vocal stem, (samples,).
        mixture: The mixture, or the sum of the stems, of equal length.
        sample_rate: Hertz.
        threshold_db: The level relative to the mixture above which singing begins.

    Returns:
        Start and end of each stretch in seconds, in order.
    """
    frame = round(_FRAME * sample_rate)
    reference = _loud_power(_powers(mixture, frame))
    if reference == 0:
        return ()
    active = _gate(_powers(vocal, frame) / reference, threshold_db)
    spans = [(first * frame, min(last * frame, len(vocal))) for first, last in _runs(active)]
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < _BRIDGED * sample_rate:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(
        (round(start / sample_rate, 3), round(end / sample_rate, 3))
        for start, end in merged
        if end - start >= _SHORTEST * sample_rate
    )


def bass_share(samples: Samples, sample_rate: int) -> float:
    """Share of a track's power that lies in the bass; 0 for silence.

    Args:
        samples: The track, (samples,).
        sample_rate: Hertz.
    """
    size = sample_rate // 2
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    power = np.zeros(len(frequencies))
    for start in range(0, len(samples), size):
        frame = samples[start : start + size]
        power += np.abs(np.fft.rfft(frame * np.hanning(len(frame)), size)) ** 2
    total = power[frequencies >= _BASS[0]].sum()
    low = power[(frequencies >= _BASS[0]) & (frequencies < _BASS[1])].sum()
    return float(low / total) if total else 0.0


def _powers(samples: Samples, frame: int) -> Levels:
    """Mean square of every frame; the last may be short."""
    starts = np.arange(0, len(samples), frame)
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    powers: Levels = sums / np.diff(np.append(starts, len(samples)))
    return powers


def _loud_power(powers: Levels) -> float:
    total = float(powers.sum())
    return float(np.square(powers).sum()) / total if total else 0.0


def _gate(ratios: Levels, threshold_db: float) -> npt.NDArray[np.bool_]:
    """Frames above the threshold, and those that follow one without falling below the lower one."""
    on = ratios >= math.pow(10, threshold_db / 10)
    held = ratios >= math.pow(10, (threshold_db - _HYSTERESIS) / 10)
    active = np.zeros(len(ratios), np.bool_)
    for first, last in _runs(held):
        opened = np.flatnonzero(on[first:last])
        if len(opened):
            active[first + opened[0] : last] = True
    return active


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The maximal ranges of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]

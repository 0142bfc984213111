"""The time grid that all measures share: 10 ms frames, 100 ms hops, blocks of ten seconds."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from yue.audio.decode import Samples

_FRAMES_IN_HOP = 10
_HOPS_IN_BLOCK = 100


def frame_samples(sample_rate: int) -> int:
    """Samples in 10 ms."""
    return max(1, round(sample_rate / 100))


def hop_samples(sample_rate: int) -> int:
    """Samples in 100 ms: ten frames."""
    return _FRAMES_IN_HOP * frame_samples(sample_rate)


def block_ranges(start: int, end: int, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Cut a range of samples into blocks; all but the last are a whole number of hops."""
    block = _HOPS_IN_BLOCK * hop_samples(sample_rate)
    for first in range(start, end, block):
        yield first, min(first + block, end)


def frame_peaks(block: Samples, sample_rate: int) -> Samples:
    """The largest absolute sample of every frame of a block; the last frame may be short."""
    frame = frame_samples(sample_rate)
    levels = functools.reduce(np.maximum, np.abs(block).T)  # faster than a reduction of short rows
    return np.maximum.reduceat(levels, np.arange(0, len(levels), frame))


def downmix(block: Samples) -> Samples:
    """The mean of a block's channels, (samples, 1)."""
    total: Samples = functools.reduce(np.add, block.T)
    return (total / np.float32(block.shape[1]))[:, None]

"""Loudness by ITU-R BS.1770-4, the gain of a song, and the time grid that all measures share.

The grid is frames of 10 ms, hops of 100 ms and blocks of ten seconds.

Every channel counts with weight 1: mono and stereo are as the standard says, surround channels are
not raised. The K weighting is applied in the frequency domain, with the filters of the standard
carried over to any sample rate.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from yue.audio.decoders import Samples
from yue.audio.resample import make_resampler

_FRAMES_IN_HOP = 10
_HOPS_IN_BLOCK = 100
_HOPS_IN_GATE = 4  # a gating block is 400 ms; blocks start every 100 ms
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU
_OFFSET = -0.691  # LU: 997 Hz at full scale, on one channel, measures -3.01 LUFS
_HOPS_AT_ONCE = 20  # short transforms stay in the processor's cache
_OVERSAMPLING = 4  # reads a peak at most 0.69 dB too low: -20 log10(cos(pi / 8))
_FFT_STEP = 1024  # sizes that are multiples of this have small factors: fast, and hardly padded
_MEMORY = 0.25  # seconds after which the weighting filter has forgotten everything (-500 dB)


def frame_samples(sample_rate: int) -> int:
    """Return the number of samples in 10 ms."""
    return max(1, round(sample_rate / 100))


def hop_samples(sample_rate: int) -> int:
    """Return the number of samples in 100 ms: ten frames."""
    return _FRAMES_IN_HOP * frame_samples(sample_rate)


def block_ranges(start: int, end: int, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Cut a range of samples into blocks; all but the last are a whole number of hops."""
    block = _HOPS_IN_BLOCK * hop_samples(sample_rate)
    for first in range(start, end, block):
        yield first, min(first + block, end)


def frame_peaks(block: Samples, sample_rate: int) -> Samples:
    """Return the largest absolute sample of every frame of a block; the last may be short."""
    frame = frame_samples(sample_rate)
    levels = functools.reduce(np.maximum, np.abs(block).T)  # faster than a reduction of short rows
    return np.maximum.reduceat(levels, np.arange(0, len(levels), frame))


def downmix(block: Samples) -> Samples:
    """Return the mean of a block's channels, (samples, 1)."""
    total: Samples = functools.reduce(np.add, block.T)
    return (total / np.float32(block.shape[1]))[:, None]


class LoudnessMeter:
    """Loudness of a signal that comes in blocks.

    Args:
        sample_rate: Hertz.
        channels: How many.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._hop = hop_samples(sample_rate)
        self._memory = np.zeros((round(_MEMORY * sample_rate), channels), np.float32)
        self._energies: list[npt.NDArray[np.float64]] = []

    def push(self, block: Samples) -> None:
        """Take a block (samples, channels); all but the last are a multiple of 100 ms long."""
        hops = len(block) // self._hop
        memory, step = len(self._memory), _HOPS_AT_ONCE * self._hop
        windows = -(-len(block) // step)
        signal = np.concatenate([self._memory, block])
        padded = np.pad(signal, ((0, memory + windows * step - len(signal)), (0, 0)))
        # Each window begins with what the filter still remembers, which is then dropped.
        framed = np.lib.stride_tricks.sliding_window_view(padded, memory + step, axis=0)[::step]
        size = -(-(memory + step) // _FFT_STEP) * _FFT_STEP
        response = _k_weighting(self._rate, size)
        weighted = np.fft.irfft(np.fft.rfft(framed, size) * response, size)
        power = np.square(weighted[..., memory : memory + step]).sum(axis=1).reshape(-1, self._hop)
        self._energies.append(power[:hops].mean(axis=1, dtype=np.float64))
        self._memory = signal[-memory:]

    def value(self) -> float | None:
        """Return LUFS; None for less than 400 ms, or when all of it is below -70 LUFS."""
        hops = np.concatenate(self._energies) if self._energies else np.zeros(0)
        if len(hops) < _HOPS_IN_GATE:
            return None
        blocks = np.lib.stride_tricks.sliding_window_view(hops, _HOPS_IN_GATE).mean(axis=1)
        blocks = blocks[blocks > _to_power(_ABSOLUTE_GATE)]
        if not len(blocks):
            return None
        blocks = blocks[blocks > _to_power(_to_lufs(blocks.mean()) + _RELATIVE_GATE)]
        return _to_lufs(blocks.mean())


class TruePeakMeter:
    """The peak of a signal between its samples too, by four times oversampling (BS.1770-4 annex 2).

    Args:
        sample_rate: Hertz.
        channels: How many.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._finer = make_resampler(
            "sinc_hann", sample_rate, _OVERSAMPLING * sample_rate, channels
        )
        self._peak = 0.0

    def push(self, block: Samples) -> None:
        """Take a block (samples, channels)."""
        self._update_peak(self._finer.push(block))

    def value(self) -> float:
        """Return the largest absolute value; no more can be pushed after it."""
        self._update_peak(self._finer.finish())
        return self._peak

    def _update_peak(self, finer: Samples) -> None:
        self._peak = max(self._peak, float(np.abs(finer).max(initial=0)))


def song_gain(
    normalize: str, peak: float, lufs: float | None, *, max_amplitude: float, loudness: float
) -> float:
    """Return the factor by which all tracks of a song are scaled.

    Args:
        normalize: ``peak``, ``loudness`` or ``none``.
        peak: Largest absolute value over all tracks of the song, above 0; for ``loudness`` the
            true peak.
        lufs: Loudness of its mix; None if it has none.
        max_amplitude: The peak to reach, or not to exceed.
        loudness: The loudness to reach, in LUFS.
    """
    if normalize == "none":
        return 1.0
    to_peak = max_amplitude / peak
    if normalize == "loudness" and lufs is not None:
        return min(to_peak, math.pow(10, (loudness - lufs) / 20))
    return to_peak


def _to_lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power)


def _to_power(lufs: float) -> float:
    return math.pow(10, (lufs - _OFFSET) / 10)


@lru_cache(maxsize=4)
def _k_weighting(sample_rate: int, size: int) -> npt.NDArray[np.complex64]:
    """Return the frequency response of the two filters at the bins of a real FFT of ``size``."""
    response = np.ones(size // 2 + 1, np.complex128)
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    for numerator, denominator in k_weighting_filters(sample_rate):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response.astype(np.complex64)  # as precise as the samples


def k_weighting_filters(
    sample_rate: int,
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Return numerator and denominator of the shelf (the head) and the high-pass of BS.1770.

    The analogue prototypes reproduce the standard's coefficients at 48 kHz (a test compares them).
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = math.pow(10, 3.999843853973347 / 20)
    band = math.pow(high, 0.4996667741545416)
    a0 = 1 + k / q + k * k
    shelf = (
        ((high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0,
         (high - band * k / q + k * k) / a0),
        (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0),
    )  # fmt: skip
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    high_pass = ((1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))
    return shelf, high_pass

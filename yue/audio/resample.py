"""Sample-rate conversion in blocks: the same samples as converting the whole file at once.

``sinc_hann`` is the filter of ``torchaudio.functional.resample`` with its defaults, which YuE was
trained with; a test holds the two together. It is computed here because importing torch takes
seconds and 200 MB in every worker, and because torchaudio rounds the phases to single precision,
which is audible between rates without a common divisor. ``soxr`` is sharper at the band edge.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from yue.audio.decoders import Samples

_ZERO_CROSSINGS = 6  # of the sinc on each side: torchaudio's lowpass_filter_width
_ROLLOFF = 0.99  # of the band that is kept
_FULL_PHASES = 64  # output samples a matrix row gives, at least: keeps the product efficient
_LARGEST_KERNEL = 1 << 23  # values; above this (rates without a common divisor) go phase by phase


class Resampler(Protocol):
    """A converter for one track."""

    def push(self, block: Samples) -> Samples:
        """Take a block (samples, channels); return what can be computed so far."""
        ...

    def finish(self) -> Samples:
        """Return the rest."""
        ...


def make_resampler(kind: str, old: int, new: int, channels: int) -> Resampler:
    """Make a converter from ``old`` to ``new`` hertz.

    Args:
        kind: ``sinc_hann`` or ``soxr``.
        old: Sample rate that comes in.
        new: Sample rate that goes out.
        channels: How many.
    """
    if old == new:
        return _Unchanged(channels)
    if kind == "soxr":
        return _Soxr(old, new, channels)
    return SincHann(old, new, channels)


class _Unchanged:
    def __init__(self, channels: int) -> None:
        self._empty = np.zeros((0, channels), np.float32)

    def push(self, block: Samples) -> Samples:
        return block

    def finish(self) -> Samples:
        return self._empty


class _Soxr:
    def __init__(self, old: int, new: int, channels: int) -> None:
        import soxr  # only when the recipe asks for it

        self._stream = soxr.ResampleStream(old, new, channels, dtype="float32", quality="HQ")
        self._empty = np.zeros((0, channels), np.float32)

    def push(self, block: Samples) -> Samples:
        return self._convert(block, last=False)

    def finish(self) -> Samples:
        return self._convert(self._empty, last=True)

    def _convert(self, block: Samples, *, last: bool) -> Samples:
        converted: Samples = self._stream.resample_chunk(block, last=last)
        return converted.reshape(-1, self._empty.shape[1])


class SincHann:
    """Windowed-sinc interpolation, equal to ``torchaudio.functional.resample``'s default.

    Output sample j is at time j / new; it is the sum of the ``_ZERO_CROSSINGS`` lobes of input on
    either side. A group of input samples gives a group of output samples by one matrix product.
    """

    def __init__(self, old: int, new: int, channels: int) -> None:
        divisor = math.gcd(old, new)
        self._old, self._new = old // divisor, new // divisor
        self._filter = _make_filter(self._old, self._new)
        self._pending = np.zeros((self._filter.width, channels), np.float32)
        self._received = self._given = 0

    def push(self, block: Samples) -> Samples:
        """Take a block (samples, channels); return what can be computed so far."""
        self._received += len(block)
        self._pending = np.concatenate([self._pending, block])
        groups = max(0, (len(self._pending) - self._filter.taps) // self._filter.step + 1)
        converted = np.stack(
            [self._filter.apply(channel, groups) for channel in self._pending.T], axis=1
        )
        self._pending = self._pending[groups * self._filter.step :]
        self._given += len(converted)
        return converted

    def finish(self) -> Samples:
        """Return the rest: as many samples in all as torchaudio gives."""
        received, given = self._received, self._given
        total = -(-self._new * received // self._old)
        silence = np.zeros((self._filter.taps, self._pending.shape[1]), np.float32)
        return self.push(silence)[: total - given]


class _Filter:
    """The filter of one pair of rates.

    Attributes:
        width: Zeros to put before the first sample.
        taps: Input samples that one group needs.
        step: Input samples from one group to the next.
    """

    def __init__(self, old: int, new: int, *, dense: bool) -> None:
        base = min(old, new) * _ROLLOFF
        self.width = math.ceil(_ZERO_CROSSINGS * old / base)
        many = max(1, _FULL_PHASES // new) if dense else 1
        self.step, phases = old * many, new * many
        self.taps = self.step + 2 * self.width
        positions = np.arange(phases)[:, None] * old / new
        if dense:
            self._starts = np.zeros(0, np.int64)
            offsets = np.arange(-self.width, self.width + self.step)[None] - positions
        else:
            self._starts = np.floor(positions[:, 0]).astype(np.int64)
            offsets = np.arange(-self.width, self.width + 1)[None] - positions % 1
        self._kernel = _windowed_sinc(offsets / old * base, base / old)

    def apply(self, channel: Samples, groups: int) -> Samples:
        """Filter one channel; the result has ``groups`` groups of output samples."""
        if groups == 0:
            return np.zeros(0, np.float32)
        if not len(self._starts):
            rows = np.lib.stride_tricks.sliding_window_view(channel, self.taps)[:: self.step]
            product: Samples = np.ascontiguousarray(rows[:groups]) @ self._kernel.T
            return product.reshape(-1)
        windows = np.lib.stride_tricks.sliding_window_view(channel, self._kernel.shape[1])
        group_starts = np.arange(groups) * self.step
        converted = [
            np.einsum("pt,pt->p", windows[self._starts + start], self._kernel)
            for start in group_starts
        ]
        return np.concatenate(converted)


@lru_cache(maxsize=8)
def _make_filter(old: int, new: int) -> _Filter:
    return _Filter(old, new, dense=old * new <= _LARGEST_KERNEL)


def _windowed_sinc(lobes: npt.NDArray[np.float64], scale: float) -> Samples:
    """Return the kernel at distances given in lobes of the sinc."""
    lobes = np.clip(lobes, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(lobes * math.pi / _ZERO_CROSSINGS / 2) ** 2
    kernel: Samples = (np.sinc(lobes) * window * scale).astype(np.float32)
    return kernel

"""What is measured of every converted track, block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from yue.audio.decode import Samples
from yue.audio.frames import frame_peaks
from yue.audio.loudness import LoudnessMeter

_SILENCE = 1e-3  # of full scale: -60 dB
_FLOOR = 1e-6  # of full scale: -120 dB, the least level that is told apart from nothing
_FULL_SCALE = 32767 / 32768  # the largest 16-bit sample
_DIGITS = 6


@dataclass(frozen=True)
class Measures:
    """What a track measures.

    Attributes:
        peak: Largest absolute sample.
        rms_db: Root mean square in dB of full scale, -120 or more.
        lufs: Integrated loudness, None if too short or silent.
        dc: Mean.
        silence_share: Share of 10 ms frames below -60 dB of full scale.
    """

    peak: float
    rms_db: float
    lufs: float | None
    dc: float
    silence_share: float


class Meter:
    """Measures a track that comes in blocks.

    Args:
        sample_rate: Hertz.
        channels: How many.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._loudness = LoudnessMeter(sample_rate, channels)
        self._peak = self._sum = self._squares = 0.0
        self._values = self._frames = self._silent = 0

    def push(self, block: Samples) -> None:
        """Take a block (samples, channels); all but the last are a multiple of 100 ms long."""
        peaks = frame_peaks(block, self._rate)
        self._peak = max(self._peak, float(peaks.max()))
        self._silent += int(np.count_nonzero(peaks < _SILENCE))
        self._frames += len(peaks)
        self._sum += float(block.sum(dtype=np.float64))
        self._squares += float(np.square(block, dtype=np.float64).sum())
        self._values += block.size
        self._loudness.push(block)

    def measures(self) -> Measures:
        """The measures of all that was pushed."""
        lufs = self._loudness.value()
        rms = math.sqrt(self._squares / self._values)
        return Measures(
            peak=round(self._peak, _DIGITS),
            rms_db=round(decibels(rms), 3),
            lufs=None if lufs is None else round(lufs, 3),
            dc=round(self._sum / self._values, _DIGITS),
            silence_share=round(self._silent / self._frames, _DIGITS),
        )


def clipped(block: Samples) -> int:
    """How many samples of a block are at full scale or beyond."""
    return int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))


def decibels(amplitude: float) -> float:
    """An amplitude in dB of full scale, -120 or more."""
    return 20 * math.log10(max(amplitude, _FLOOR))

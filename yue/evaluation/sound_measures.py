"""What the sound of a track measures: loudness, peaks, silence, and its spectrum over time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.audio.loudness import LoudnessMeter, TruePeakMeter
from yue.audio.measures import clipped
from yue.codecs.melrvq_mel import magnitudes, mel_bank
from yue.errors import YueError

_WINDOW = 1024  # samples
_BANDS = 64
_FLOOR = 1e-4  # of full scale: -80 dB; what is below is not heard


@dataclass(frozen=True)
class SampleTrack:
    """A WAV file of a sample.

    Attributes:
        audio: (samples,) float32, the mean of its channels.
        rate: Hertz.
    """

    audio: npt.NDArray[np.float32]
    rate: int

    @cached_property
    def loudness(self) -> float | None:
        """LUFS; None for silence."""
        meter = LoudnessMeter(self.rate, 1)
        meter.push(self.audio[:, None])
        return meter.value()

    @cached_property
    def true_peak(self) -> float:
        """Largest absolute value, between the samples too; 1 is full scale."""
        meter = TruePeakMeter(self.rate, 1)
        meter.push(self.audio[:, None])
        return meter.value()

    @cached_property
    def clipped_share(self) -> float:
        """Share of samples at full scale."""
        return clipped(self.audio) / max(1, self.audio.size)

    @cached_property
    def levels(self) -> npt.NDArray[np.float64]:
        """Sums of the levels of mel bands in dB, and the number of windows; (bands + 1,)."""
        hop = _WINDOW // 4
        padded = np.pad(self.audio, (0, -len(self.audio) % hop))
        bands = magnitudes(padded, _WINDOW, hop) @ mel_bank(self.rate, _WINDOW, _BANDS)
        decibels = 20 * np.log10(np.maximum(bands, _FLOOR))
        return np.append(decibels.sum(axis=0), len(decibels))


def read_track(path: Path) -> SampleTrack:
    """Read a WAV file.

    Raises:
        YueError: It is missing or is not audio.
    """
    import soundfile

    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise YueError(
            f"{path}: cannot be read ({error})", fix="run `dvc repro generate`"
        ) from error
    return SampleTrack(audio.mean(axis=1, dtype=np.float32), int(rate))


def spectrum_distance(first: list[SampleTrack], second: list[SampleTrack]) -> float | None:
    """Return the root mean square difference in dB of two mean mel spectra; None without tracks."""
    if not first or not second:
        return None
    means = []
    for tracks in (first, second):
        sums = np.sum([track.levels for track in tracks], axis=0)
        means.append(sums[:-1] / max(1.0, sums[-1]))
    return float(np.sqrt(np.square(means[0] - means[1]).mean()))

"""What is measured of a track."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.conftest import RATE, music
from yue.audio.loudness import block_ranges
from yue.audio.measures import Measures, Meter, clipped


def measure(samples: np.ndarray, rate: int = RATE) -> Measures:
    meter = Meter(rate, samples.shape[1])
    for start, end in block_ranges(0, len(samples), rate):
        meter.push(samples[start:end])
    return meter.measures()


def test_a_square_wave_on_an_offset() -> None:
    samples = np.full((RATE, 1), 0.5, np.float32)
    samples[1::2] = -0.3
    measures = measure(samples)
    assert measures.peak == 0.5
    assert measures.dc == pytest.approx(0.1, abs=1e-6)
    assert measures.rms_db == pytest.approx(10 * np.log10((0.25 + 0.09) / 2), abs=1e-3)
    assert measures.silence_share == 0


def test_silence_has_measures_too() -> None:
    assert measure(np.zeros((RATE, 1), np.float32)) == Measures(0, -120, None, 0, 1)


def test_the_silent_share_counts_frames_over_block_borders() -> None:
    samples = music(24)[:, None]
    samples[5 * RATE : 11 * RATE] = 1e-4
    assert measure(samples).silence_share == pytest.approx(0.25, abs=1e-3)


def test_loudness_does_not_depend_on_the_sample_rate() -> None:
    lufs = [
        measure(np.stack([music(5, rate, seed=3)] * 2, 1), rate).lufs for rate in (22_050, 48_000)
    ]
    assert lufs[0] == pytest.approx(lufs[1], abs=0.1)


def test_full_scale_is_clipped_in_any_format() -> None:
    assert clipped(np.float32([[32767 / 32768], [-1], [1.2], [0.999], [0]])) == 3

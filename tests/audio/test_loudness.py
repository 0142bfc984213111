"""Loudness as the standard measures it, and one gain that keeps a song's balance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.conftest import RATE, music
from yue.audio.decoders import Samples
from yue.audio.loudness import (
    LoudnessMeter,
    block_ranges,
    hop_samples,
    k_weighting_filters,
    song_gain,
)


def measure(samples: Samples, rate: int) -> float | None:
    meter = LoudnessMeter(rate, samples.shape[1])
    for start, end in block_ranges(0, len(samples), rate):
        meter.push(samples[start:end])
    return meter.value()


def sine(seconds: float, level_db: float, rate: int, channels: int = 1) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    tone = 10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * time)
    return np.repeat(tone[:, None], channels, axis=1).astype(np.float32)


def test_the_filters_are_those_printed_in_the_standard_for_48_khz() -> None:
    shelf, high_pass = k_weighting_filters(48_000)
    np.testing.assert_allclose(
        shelf[0], (1.53512485958697, -2.69169618940638, 1.19839281085285), atol=1e-12
    )
    np.testing.assert_allclose(shelf[1], (1, -1.69065929318241, 0.73248077421585), atol=1e-12)
    np.testing.assert_allclose(high_pass[0], (1, -2, 1))
    np.testing.assert_allclose(high_pass[1], (1, -1.99004745483398, 0.99007225036621), atol=1e-12)


@pytest.mark.parametrize(("rate", "tolerance"), [(48_000, 0.02), (44_100, 0.02), (16_000, 0.1)])
def test_a_full_scale_tone_on_one_channel_measures_minus_three(rate: int, tolerance: float) -> None:
    assert measure(sine(5, 0, rate), rate) == pytest.approx(-3.01, abs=tolerance)


def test_the_minimum_requirements_of_ebu_tech_3341() -> None:
    rate = 48_000
    assert measure(sine(20, -23, rate, 2), rate) == pytest.approx(-23, abs=0.1)
    assert measure(sine(20, -33, rate, 2), rate) == pytest.approx(-33, abs=0.1)
    levels = [(10, -36), (30, -23), (10, -36)]  # case 3: the relative gate
    programme = np.concatenate([sine(*level, rate, 2) for level in levels])
    assert measure(programme, rate) == pytest.approx(-23, abs=0.1)
    levels = [(10, -72), (10, -36), (30, -23), (10, -36), (10, -72)]  # case 4: both gates
    programme = np.concatenate([sine(*level, rate, 2) for level in levels])
    assert measure(programme, rate) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_music_measures_as_with_torchaudio(rate: int) -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio").functional
    samples = np.stack([music(12, rate, seed=1), music(12, rate, seed=2)], axis=1)
    samples[: 3 * rate] *= 0.01
    expected = float(functional.loudness(torch.from_numpy(samples.T.copy()), rate))
    # torchaudio places the shelf at 1500 Hz instead of the standard's 1682 Hz.
    assert measure(samples, rate) == pytest.approx(expected, abs=0.2)


def test_silence_and_less_than_a_gating_block_have_no_loudness() -> None:
    assert measure(np.zeros((RATE, 1), np.float32), RATE) is None
    assert measure(music(0.39)[:, None], RATE) is None
    assert measure(music(0.41)[:, None], RATE) is not None
    assert LoudnessMeter(RATE, 1).value() is None


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), max_size=5))
def test_blocks_do_not_change_the_loudness(hops: list[int]) -> None:
    samples = music(4)[:, None]
    whole = LoudnessMeter(RATE, 1)
    whole.push(samples)
    cut = LoudnessMeter(RATE, 1)
    for block in np.split(samples, np.cumsum(hops) * hop_samples(RATE)):
        if len(block):
            cut.push(block)
    assert cut.value() == pytest.approx(whole.value(), abs=1e-6)


def test_the_gain_reaches_the_peak_or_the_loudness_but_never_beyond_the_peak() -> None:
    limits = {"max_amplitude": 0.9, "loudness": -16.0}
    assert song_gain("peak", 0.45, -20, **limits) == pytest.approx(2)
    assert song_gain("peak", 1.8, None, **limits) == pytest.approx(0.5)
    assert song_gain("loudness", 0.1, -22, **limits) == pytest.approx(10 ** (6 / 20))
    assert song_gain("loudness", 0.8, -40, **limits) == pytest.approx(0.9 / 0.8)
    assert song_gain("loudness", 0.3, None, **limits) == pytest.approx(3)
    assert song_gain("none", 1.8, -3, **limits) == 1

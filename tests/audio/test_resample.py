"""Resampling equals torchaudio's, however the signal is cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.conftest import music
from yue.audio.decoders import Samples
from yue.audio.resample import make_resampler


def convert(
    kind: str, samples: Samples, old: int, new: int, cuts: list[int] | None = None
) -> Samples:
    resampler = make_resampler(kind, old, new, samples.shape[1])
    blocks = np.split(samples, sorted(cuts or []))
    return np.concatenate([*(resampler.push(block) for block in blocks), resampler.finish()])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (44_100, 16_000), (48_000, 16_000), (96_000, 16_000), (192_000, 16_000), (8_000, 16_000),
        (22_050, 16_000), (32_000, 16_000), (16_000, 44_100), (48_000, 44_100), (44_100, 48_000),
    ],
)  # fmt: skip
def test_sinc_hann_is_torchaudio_s_default(old: int, new: int) -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio").functional
    noise = np.random.default_rng(0).standard_normal((old // 2 + 7, 2)).astype(np.float32)
    expected = functional.resample(torch.from_numpy(noise.T.copy()), old, new).numpy().T
    converted = convert("sinc_hann", noise, old, new)
    assert converted.shape == expected.shape
    # Peaks are near 4; torchaudio rounds the phases of its kernel to single precision.
    np.testing.assert_allclose(converted, expected, atol=2e-4)
    assert np.square(converted - expected).mean() < 1e-9 * np.square(expected).mean()


@pytest.mark.parametrize(("old", "new"), [(22_049, 16_000), (44_101, 16_000), (16_000, 15_999)])
def test_rates_without_a_common_divisor_keep_a_tone_pure(old: int, new: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(old) / old).astype(np.float32)
    converted = convert("sinc_hann", tone[:, None], old, new)[:, 0]
    assert len(converted) == new
    inner = slice(200, -200)
    expected = np.sin(2 * np.pi * 440 * np.arange(new) / new)
    assert np.abs(converted[inner] - expected[inner]).max() < 2e-3  # the filter's own ripple


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["sinc_hann", "soxr"]),
    rates=st.sampled_from([(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 16_000)]),
    cuts=st.lists(st.integers(0, 9_000), max_size=6),
)
def test_blocks_do_not_change_the_result(
    kind: str, rates: tuple[int, int], cuts: list[int]
) -> None:
    samples = np.random.default_rng(1).standard_normal((9_000, 1)).astype(np.float32)
    whole, cut = convert(kind, samples, *rates), convert(kind, samples, *rates, cuts)
    assert whole.shape == cut.shape
    np.testing.assert_allclose(cut, whole, atol=2e-6)


def test_one_rate_passes_through_untouched() -> None:
    samples = music(1)[:, None]
    np.testing.assert_array_equal(convert("sinc_hann", samples, 16_000, 16_000), samples)


def test_soxr_and_sinc_hann_agree_on_music_and_are_aligned() -> None:
    samples = music(2, 44_100)[:, None]
    sinc, soxr = (convert(kind, samples, 44_100, 16_000) for kind in ("sinc_hann", "soxr"))
    assert len(sinc) == len(soxr) == 32_000
    # The difference is the noise in the band edge, which the two filters cut differently.
    assert np.sqrt(np.square(sinc - soxr).mean()) < 0.02 * np.sqrt(np.square(sinc).mean())


def test_what_the_new_rate_cannot_hold_is_filtered_out() -> None:
    tone = np.sin(2 * np.pi * 12_000 * np.arange(44_100) / 44_100).astype(np.float32)[:, None]
    for kind in ("sinc_hann", "soxr"):
        assert np.abs(convert(kind, tone, 44_100, 16_000)[200:-200]).max() < 0.01

"""What is measured of a track, and where there is singing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import RATE, convert_settings, music
from yue.audio.convert_song import convert_song
from yue.audio.decoders import Samples
from yue.audio.loudness import block_ranges
from yue.audio.measures import BAND_SHARE, Measures, Meter, bass_share, clipped, singing_spans


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


BAND = music(20, seed=2, level=0.4)


def vocal(*spans: tuple[float, float], level: float = 0.2) -> Samples:
    voice = music(20, seed=1, level=level)
    mask = np.zeros(len(voice), np.float32)
    for start, end in spans:
        mask[round(start * RATE) : round(end * RATE)] = 1
    return voice * mask


def spans(voice: Samples, threshold: float = -30.0) -> tuple[tuple[float, float], ...]:
    return singing_spans(voice, voice + BAND, RATE, threshold)


def test_stretches_of_singing_are_found_to_the_frame() -> None:
    found = spans(vocal((2.0, 6.0), (9.5, 14.25)))
    np.testing.assert_allclose(found, [(2.0, 6.0), (9.5, 14.25)], atol=0.05)


def test_breaths_are_bridged_and_clicks_passed_over() -> None:
    found = spans(vocal((2.0, 3.0), (3.4, 5.0), (8.0, 8.1)))
    np.testing.assert_allclose(found, [(2.0, 5.0)], atol=0.05)


def test_bleed_of_the_band_is_no_singing() -> None:
    bleed = 10 ** (-40 / 20) * BAND
    assert spans(bleed) == ()
    np.testing.assert_allclose(spans(bleed + vocal((4.0, 8.0))), [(4.0, 8.0)], atol=0.05)
    assert spans(bleed, threshold=-50.0) == ((0.0, 20.0),)


def test_a_phrase_that_fades_is_held_below_the_level_at_which_it_would_begin() -> None:
    reference = np.sqrt(np.square(BAND).mean())
    tone = np.sqrt(2) * np.sin(2 * np.pi * 440 * np.arange(len(BAND)) / RATE) * reference
    levels = np.full(len(BAND), -120.0)
    levels[2 * RATE : 4 * RATE] = -20
    levels[4 * RATE : 7 * RATE] = -32.5  # between the level that opens (-30) and that that holds
    levels[12 * RATE : 15 * RATE] = -32.5
    voice = (tone * 10 ** (levels / 20)).astype(np.float32)
    np.testing.assert_allclose(spans(voice), [(2.0, 7.0)], atol=0.05)


def test_a_quiet_song_and_a_loud_one_are_judged_alike() -> None:
    voice = vocal((2.0, 6.0))
    assert singing_spans(0.001 * voice, 0.001 * (voice + BAND), RATE, -30) == spans(voice)


def test_a_break_of_the_band_does_not_turn_bleed_into_singing() -> None:
    band = BAND.copy()
    band[8 * RATE : 12 * RATE] = 0
    bleed = music(20, seed=7, level=0.002)
    assert singing_spans(bleed, band + bleed, RATE, -30) == ()


def test_silence_has_no_singing() -> None:
    silence = np.zeros(RATE, np.float32)
    assert singing_spans(silence, silence, RATE, -30) == ()
    assert spans(np.zeros_like(BAND)) == ()


def test_the_end_of_a_song_is_the_end_of_its_singing() -> None:
    voice = music(3.033, seed=1)
    assert singing_spans(voice, voice, RATE, -30) == ((0.0, 3.033),)


def test_bass_tells_a_band_from_a_voice() -> None:
    voice = music(3, seed=1)
    bass = 0.1 * np.sin(2 * np.pi * 55 * np.arange(len(voice)) / RATE).astype(np.float32)
    assert bass_share(voice, RATE) < 0.01
    assert bass_share(voice + 0.3, RATE) < 0.02  # an offset is no bass
    assert bass_share(voice + bass, RATE) > BAND_SHARE
    assert bass_share(0 * voice, RATE) == 0


def test_the_real_song_is_sung(golden: Path, tmp_path: Path) -> None:
    names = {"vocal": "pop.00001.Vocals.mp3", "mixture": "pop.00001.mp3"}
    files = {role: (golden / "audio" / name, name) for role, name in names.items()}
    convert_song("pop", files, convert_settings(), tmp_path)
    voice, mixture = (np.load(tmp_path / f"000.{role}.npy") for role in ("vocal", "mixture"))
    found = singing_spans(voice, mixture, RATE, -30)
    assert sum(end - start for start, end in found) > 15
    assert bass_share(voice, RATE) < 0.01
    assert bass_share(mixture, RATE) > 2 * BAND_SHARE
    assert singing_spans(np.zeros_like(voice), mixture, RATE, -30) == ()

"""Players: the picture shows what is heard."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from yue.errors import YueError
from yue.report.sound_pictures import BANDS, colours, load_sound, mel_levels, png, waveform

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype("f4")


def test_a_tone_lights_the_band_of_its_frequency() -> None:
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    for hertz in (200.0, 1000.0, 5000.0):
        bands = mel_levels(tone(hertz), RATE).mean(axis=1)
        expected = 2595 * np.log10(1 + hertz / 700) / top * (BANDS + 1) - 1
        assert abs(int(bands.argmax()) - expected) <= 1
        assert bands.max() > 0.6


def test_time_runs_to_the_right_and_silence_is_dark() -> None:
    audio = np.concatenate([np.zeros(RATE, "f4"), tone(440)])
    columns = mel_levels(audio, RATE).max(axis=0)
    assert columns[: len(columns) // 2 - 12].max() < 0.05
    assert columns[len(columns) // 2 + 12 : -12].min() > 0.5


def test_the_waveform_shows_where_it_is_loud() -> None:
    audio = np.concatenate([np.zeros(RATE, "f4"), tone(440)])
    points = [tuple(map(float, point.split())) for point in waveform(audio).strip("MZ").split("L")]
    heights = np.array([abs(y - 20) for x, y in points])
    across = np.array([x for x, y in points])
    assert heights[across < 119].max() == 0
    assert np.allclose(heights[across > 121], 9.5, atol=0.5)  # half of full scale
    assert waveform(np.zeros(0, "f4")) == "M0 20H240"


def test_png_holds_the_pixels() -> None:
    picture = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(4, 5, 3)
    with Image.open(io.BytesIO(png(picture))) as image:
        assert (image.format, image.info) == ("PNG", {}), "no time, no name of a program"
        assert np.array_equal(np.asarray(image), picture)


def test_low_bands_are_at_the_bottom() -> None:
    level = np.zeros((2, 1))
    level[0] = 1.0  # the lowest band
    assert colours(level)[1].sum() > colours(level)[0].sum()


def test_the_player_plays_the_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440, 2.0), RATE)
    sound = load_sound(tmp_path / "a.wav")
    kind, _, data = sound.audio.partition(",")
    assert kind == "data:audio/mpeg;base64"
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert rate == RATE
    assert abs(len(audio) / rate - sound.seconds) < 0.1
    assert 0.3 < np.abs(audio).max() < 0.7


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(YueError, match=r"none\.wav"):
        load_sound(tmp_path / "none.wav")

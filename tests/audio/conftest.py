"""Songs and recipes that the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from yue.audio.decode import open_audio
from yue.audio.decoders import Samples
from yue.errors import AudioError
from yue.recipe.model import Convert

RATE = 16_000


def convert_settings(**changes: object) -> Convert:
    values: dict[str, object] = {
        "sample_rate": RATE,
        "mono": True,
        "normalize": "peak",
        "max_amplitude": 0.95,
        "loudness": -16.0,
        "trim_silence": False,
        "segment_length": None,
        "segment_cut": "fixed",
        "min_segment_length": 0.0,
        "resampler": "sinc_hann",
        "dtype": "float32",
    }
    return Convert(**{**values, **changes})  # type: ignore[arg-type]


def music(seconds: float, rate: int = RATE, *, seed: int = 0, level: float = 0.3) -> Samples:
    """A chord below 1.5 kHz with a slow swell and a little noise, (samples,)."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitches = random.uniform(100, 1500, 4)[:, None]
    chord = np.sin(2 * np.pi * pitches * time + random.uniform(0, 6, (4, 1))).mean(axis=0)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time + seed)
    noise = 0.01 * random.standard_normal(len(time))
    return (level * (chord * swell + noise)).astype(np.float32)


def write(path: Path, samples: Samples, rate: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def read(path: Path) -> Samples:
    with open_audio(path) as audio:
        return np.concatenate(list(audio.blocks()))


def refusal(path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        read(path)
    assert caught.value.what == str(path)
    assert caught.value.why
    assert caught.value.fix
    return caught.value

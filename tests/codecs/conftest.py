"""A few seconds of music made on the spot, and a codec fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from yue.codecs.base import Audio
from yue.codecs.melrvq import MelRvq
from yue.codecs.melrvq_fit import fit

RATE = 16_000

# Tiny tensors: threads cost more than they do, all the more where test processes share the cores.
torch.set_num_threads(1)


def sing(rng: np.random.Generator, seconds: float) -> Audio:
    """Notes with vowel-like formants and vibrato, and rests."""
    notes = []
    for _ in range(int(seconds / 0.5)):
        time = np.arange(RATE // 2) / RATE
        pitch = 220 * 2 ** (rng.integers(-5, 8) / 12)
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.01 * np.sin(2 * np.pi * 5 * time))) / RATE
        formants = rng.uniform([300, 900, 2300], [900, 2200, 3000])
        note = np.zeros_like(time)
        for harmonic in range(1, int(7500 / pitch)):
            level = np.exp(-(((harmonic * pitch - formants) / (150 + 0.1 * formants)) ** 2)).sum()
            note += level / harmonic**0.3 * np.sin(harmonic * phase)
        breath = 0.002 * rng.standard_normal(len(time))
        notes.append((note * np.sin(np.pi * time * 2) ** 0.5 if rng.random() > 0.2 else 0) + breath)
    return _levelled(np.concatenate(notes))


def play(rng: np.random.Generator, seconds: float) -> Audio:
    """Plucked chords and drum hits."""
    bars = []
    for _ in range(int(seconds / 0.5)):
        time = np.arange(RATE // 2) / RATE
        root = 110 * 2 ** (rng.integers(-5, 8) / 12)
        bar = 0.5 * rng.standard_normal(len(time)) * np.exp(-20 * time)
        for interval in (0, 4, 7):
            pitch = root * 2 ** (interval / 12)
            for harmonic in range(1, 12):
                decay = np.exp(-time * (2 + 1.5 * harmonic)) / harmonic
                bar += decay * np.sin(2 * np.pi * harmonic * pitch * time)
        bars.append(bar)
    return _levelled(np.concatenate(bars))


def _levelled(audio: np.ndarray) -> Audio:
    return (0.8 * audio / np.abs(audio).max()).astype(np.float32)


@pytest.fixture(scope="session")
def tracks() -> Sequence[Audio]:
    """Two voices and two instruments, 15 s each."""
    rng = np.random.default_rng(7)
    return [make(rng, 15) for make in (sing, play, sing, play)]


@pytest.fixture(scope="session")
def melrvq(tracks: Sequence[Audio]) -> MelRvq:
    """A codec fitted to them: 8 codebooks."""
    return fit(tracks)

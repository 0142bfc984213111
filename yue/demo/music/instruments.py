"""Sounds of instruments and drums, at 16 kHz."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from yue.demo.music.styles import SAMPLE_RATE, Timbre

_RELEASE = 0.04  # seconds a note takes to fade once it ends
_HIT = 0.25  # seconds of a drum
_HIGHEST = 7_400.0  # Hz

Audio = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]


def frequency(pitch: npt.ArrayLike) -> Wave:
    """Hertz of MIDI numbers."""
    hertz: Wave = 440.0 * 2.0 ** ((np.asarray(pitch, dtype=np.float64) - 69) / 12)
    return hertz


@lru_cache(maxsize=4096)
def tone(timbre: Timbre, pitch: int, seconds: float) -> Audio:
    """One note with its release, peak about 1; float32, shape (samples,)."""
    time = np.arange(round((seconds + _RELEASE) * SAMPLE_RATE)) / SAMPLE_RATE
    base = float(frequency(pitch))
    sound = np.zeros(len(time))
    for number, amplitude in enumerate(timbre.harmonics, 1):
        if amplitude and number * base < _HIGHEST:
            rate = 6.9 / timbre.decay * (1 + timbre.damping * (number - 1))  # 6.9: ln(60 dB)
            sound += amplitude * np.sin(2 * np.pi * number * base * time) * np.exp(-rate * time)
    sound *= np.minimum(1, time / timbre.attack)
    sound *= np.clip((seconds + _RELEASE - time) / _RELEASE, 0, 1)
    note: Audio = (sound / np.abs(sound).max()).astype(np.float32)
    return note


@lru_cache(maxsize=16)
def drum(kind: str) -> Audio:
    """One hit of a drum, peak 1; float32, shape (samples,)."""
    time = np.arange(round(_HIT * SAMPLE_RATE)) / SAMPLE_RATE
    sound = _DRUMS[kind](time) * np.minimum(1, (_HIT - time) / _RELEASE)
    hit: Audio = (sound / np.abs(sound).max()).astype(np.float32)
    return hit


def _kick(time: Wave) -> Wave:
    """A sine that falls from 250 Hz to 48 Hz."""
    turns = 48 * time + 5.0 * (1 - np.exp(-time / 0.025))
    return np.sin(2 * np.pi * turns) * np.exp(-time / 0.07)


def _snare(time: Wave) -> Wave:
    skin = np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.04)
    return skin + _noise(time, seed=1) * np.exp(-time / 0.05)


def _clap(time: Wave) -> Wave:
    """Two short bursts and a longer one, 11 ms apart."""
    burst = np.where(time < 0.022, np.exp(-(time % 0.011) / 0.003), np.exp(-(time - 0.022) / 0.05))
    return np.diff(_noise(time, seed=2), prepend=0.0) * burst


def _hat(time: Wave) -> Wave:
    return np.diff(_noise(time, seed=3), n=2, prepend=[0.0, 0.0]) * np.exp(-time / 0.018)


def _noise(time: Wave, seed: int) -> Wave:
    return np.random.default_rng(seed).standard_normal(len(time))


_DRUMS = {"kick": _kick, "snare": _snare, "clap": _clap, "hat": _hat}

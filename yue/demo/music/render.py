"""A score as sound: the vocal and the instrumental track, in balance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yue.demo.music.compose import Score
from yue.demo.music.instruments import Audio, drum, tone
from yue.demo.music.styles import SAMPLE_RATE
from yue.demo.music.voice import sing

_LOUDNESS = {"vocal": 0.10, "instrumental": 0.09}  # RMS where there is sound
_PEAK = 0.49  # of each track, so that their sum is never clipped
_CONVERTED_PEAK = 0.95
_ROOM_SECONDS = 0.35
_ROOM_LEVEL = 0.12


@dataclass(frozen=True)
class Tracks:
    """The two tracks of a song, float32, equal shape (samples,), within -0.5..0.5."""

    vocal: Audio
    instrumental: Audio

    def normalised(self) -> Tracks:
        """Both by one gain, so that the louder peaks at 0.95: as the recipe converts them."""
        peak = max(np.abs(self.vocal).max(), np.abs(self.instrumental).max())
        gain = np.float32(_CONVERTED_PEAK / peak)
        return Tracks(self.vocal * gain, self.instrumental * gain)


def render(score: Score, rng: np.random.Generator) -> Tracks:
    """Play a score."""
    samples = score.steps * score.step_samples
    vocal = _room(sing(score, samples, rng))
    return Tracks(_level(vocal, "vocal"), _level(_play(score, samples), "instrumental"))


def _play(score: Score, samples: int) -> Audio:
    """All instruments together."""
    step = score.step_samples
    out = np.zeros(samples + SAMPLE_RATE, dtype=np.float32)
    for part, notes in score.parts:
        for note in notes:
            sound = tone(part.timbre, note.pitch, note.steps * step / SAMPLE_RATE)
            start = note.start * step
            out[start : start + len(sound)] += note.level * sound
    for hit in score.hits:
        sound = drum(hit.kind)
        out[hit.start * step : hit.start * step + len(sound)] += hit.level * sound
    return out[:samples]


def _room(dry: Audio) -> Audio:
    """Add the sound of a small room; the same room every time."""
    time = np.arange(round(_ROOM_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    echo = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-6.9 * time / _ROOM_SECONDS)
    echo *= (time > 0.01) / np.sqrt(np.sum(echo**2))
    size = -(-(len(dry) + len(echo)) // 4096) * 4096  # a product of small primes: a fast transform
    spectrum = np.fft.rfft(dry, size) * np.fft.rfft(echo.astype(np.float32), size)
    wet = np.fft.irfft(spectrum, size)[: len(dry)].astype(np.float32, copy=False)
    sound: Audio = dry + np.float32(_ROOM_LEVEL) * wet
    sound[np.abs(sound) < 1e-5] = 0.0  # what the transform leaves of silence
    return sound


def _level(sound: Audio, track: str) -> Audio:
    loud = np.abs(sound) > 1e-3 * np.abs(sound).max()
    gain = _LOUDNESS[track] / np.sqrt(np.mean(sound[loud] ** 2))
    # The curve of tanh rounds off what would be too loud.
    levelled: Audio = np.float32(_PEAK) * np.tanh(sound * np.float32(gain / _PEAK))
    return levelled

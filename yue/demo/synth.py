"""Sounds at 16 kHz: instruments, drums and a singing voice.

The voice is a glottal source and noise through formants that follow the syllables.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from yue.demo.compose import Score, SungNote
from yue.demo.styles import SAMPLE_RATE, Singer, Timbre

_NOTE_RELEASE = 0.04  # seconds a note takes to fade once it ends
_HIT = 0.25  # seconds of a drum
_HIGHEST = 7_400.0  # Hz

Audio = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]


def frequency(pitch: npt.ArrayLike) -> Wave:
    """Turn MIDI numbers into hertz."""
    hertz: Wave = 440.0 * 2.0 ** ((np.asarray(pitch, dtype=np.float64) - 69) / 12)
    return hertz


@lru_cache(maxsize=4096)
def tone(timbre: Timbre, pitch: int, seconds: float) -> Audio:
    """Play one note with its release, peak about 1; float32, shape (samples,)."""
    time = np.arange(round((seconds + _NOTE_RELEASE) * SAMPLE_RATE)) / SAMPLE_RATE
    base = float(frequency(pitch))
    sound = np.zeros(len(time))
    for number, amplitude in enumerate(timbre.harmonics, 1):
        if amplitude and number * base < _HIGHEST:
            rate = 6.9 / timbre.decay * (1 + timbre.damping * (number - 1))  # 6.9: ln(60 dB)
            sound += amplitude * np.sin(2 * np.pi * number * base * time) * np.exp(-rate * time)
    sound *= np.minimum(1, time / timbre.attack)
    sound *= np.clip((seconds + _NOTE_RELEASE - time) / _NOTE_RELEASE, 0, 1)
    note: Audio = (sound / np.abs(sound).max()).astype(np.float32)
    return note


@lru_cache(maxsize=16)
def drum(kind: str) -> Audio:
    """Play one hit of a drum, peak 1; float32, shape (samples,)."""
    time = np.arange(round(_HIT * SAMPLE_RATE)) / SAMPLE_RATE
    sound = _DRUMS[kind](time) * np.minimum(1, (_HIT - time) / _NOTE_RELEASE)
    hit: Audio = (sound / np.abs(sound).max()).astype(np.float32)
    return hit


def _kick(time: Wave) -> Wave:
    """Let a sine fall from 250 Hz to 48 Hz."""
    turns = 48 * time + 5.0 * (1 - np.exp(-time / 0.025))
    return np.sin(2 * np.pi * turns) * np.exp(-time / 0.07)


def _snare(time: Wave) -> Wave:
    skin = np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.04)
    return skin + _noise(time, seed=1) * np.exp(-time / 0.05)


def _clap(time: Wave) -> Wave:
    """Make two short bursts and a longer one, 11 ms apart."""
    burst = np.where(time < 0.022, np.exp(-(time % 0.011) / 0.003), np.exp(-(time - 0.022) / 0.05))
    return np.diff(_noise(time, seed=2), prepend=0.0) * burst


def _hat(time: Wave) -> Wave:
    return np.diff(_noise(time, seed=3), n=2, prepend=[0.0, 0.0]) * np.exp(-time / 0.018)


def _noise(time: Wave, seed: int) -> Wave:
    return np.random.default_rng(seed).standard_normal(len(time))


_DRUMS = {"kick": _kick, "snare": _snare, "clap": _clap, "hat": _hat}


_HOP = 80  # samples between two settings of the vocal tract
_WINDOW = 4 * _HOP
_BINS = _WINDOW // 2 + 1
_VIBRATO_HZ = 5.5

# Formants in Hz of a male voice (Peterson and Barney 1952), and their bandwidths.
_VOWELS = {
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3500),
    "i": (270, 2290, 3010, 3700),
    "o": (570, 840, 2410, 3300),
    "u": (300, 870, 2240, 3200),
}
# The higher resonances of a tract of 17.5 cm are those of a tube, whatever the vowel.
_TUBE = (4500, 5500, 6500, 7500)
_BANDWIDTHS = (80, 100, 140, 220, 300, 350, 400, 450)
# Consonants that are sung: a dark tract. The others stop the voice, or hiss (centre in Hz).
_HUM = "mnlrwvjy"
_HISS = {"s": 5500.0, "c": 5000.0, "z": 5500.0, "f": 4500.0, "h": 1500.0, "t": 4500.0, "k": 2500.0,
         "p": 1200.0, "q": 2500.0, "x": 5000.0}  # fmt: skip
_HUM_FORMANTS = (250, 1100, 2200, 3300)
_ONSET = 0.07  # seconds of a consonant
_RELEASE = 0.06  # seconds in which a note ends

Control = npt.NDArray[np.float64]


def sing(score: Score, samples: int, rng: np.random.Generator) -> Audio:
    """Sing the vocal track: float32, (samples,); digital silence where nobody sings."""
    frames = samples // _HOP + 1
    pitch = np.full(frames, np.nan)
    voiced, hiss = np.zeros(frames), np.zeros(frames)
    tract, mouth = np.zeros((frames, _BINS)), np.zeros((frames, _BINS))
    seconds_a_step = score.step_samples / SAMPLE_RATE
    for sung in score.melody:
        _articulate(sung, seconds_a_step, score.singer, pitch, voiced, hiss, tract, mouth)
    voiced, hiss = _smooth(voiced, 4), _smooth(hiss, 2)
    source = _glottis(_fill(pitch), score.singer, samples, rng)
    noise = rng.standard_normal(samples)
    sound = _filter(source, _smooth(tract, 8) * voiced[:, None])
    sound += _filter(noise, mouth * hiss[:, None])
    return sound.astype(np.float32)


def _articulate(
    sung: SungNote,
    seconds_a_step: float,
    singer: Singer,
    pitch: Control,
    voiced: Control,
    hiss: Control,
    tract: Control,
    mouth: Control,
) -> None:
    """Set the controls of one syllable, in frames of :data:`_HOP` samples."""
    a_second = SAMPLE_RATE / _HOP
    start = round(sung.note.start * seconds_a_step * a_second)
    end = start + round(sung.note.steps * seconds_a_step * a_second)
    vowel_start = start + round(_ONSET * a_second)
    pitch[start:end] = sung.note.pitch
    tract[start:end] = _formants(_VOWELS[sung.syllable.vowel], singer.tract)
    onset = sung.syllable.onset
    voiced[start:end] = 1.0
    voiced[max(start, end - round(_RELEASE * a_second)) : end] = 0.25
    if onset and onset in _HUM:
        tract[start:vowel_start] = 0.5 * _formants(_HUM_FORMANTS, singer.tract)
    elif onset:
        voiced[start:vowel_start] = 0.0
        centre = _HISS.get(onset, 2000.0)
        bins = np.linspace(0, SAMPLE_RATE / 2, _BINS)
        mouth[start:vowel_start] = np.exp(-(((bins - centre) / 1500) ** 2))
        # Fricatives hiss all along; the others burst at the end.
        first = start if onset in "sczfh" else vowel_start - 4
        hiss[first:vowel_start] = 0.25


@lru_cache(maxsize=64)
def _formants(frequencies: tuple[int, ...], scale: float) -> Control:
    """Return the gain of a cascade of resonances at each bin, shape (:data:`_BINS`,)."""
    bins = np.linspace(0, SAMPLE_RATE / 2, _BINS)
    gain = np.ones(_BINS)
    for centre, width in zip((*frequencies, *_TUBE), _BANDWIDTHS, strict=True):
        ratio = bins / (centre * scale)
        gain = gain / np.sqrt((1 - ratio**2) ** 2 + (width / (centre * scale) * ratio) ** 2)
    levelled: Control = gain / np.sqrt(np.mean(gain**2))
    return levelled


def _glottis(
    pitch: Control, singer: Singer, samples: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Make a pulse train with vibrato and breath, peak about 1; shape (samples,)."""
    time = np.arange(len(pitch)) * _HOP / SAMPLE_RATE
    glided = _smooth(pitch, max(1, round(singer.glide * SAMPLE_RATE / _HOP)))
    bent = glided + singer.vibrato * np.sin(2 * np.pi * _VIBRATO_HZ * time)
    hertz = np.interp(np.arange(samples) / _HOP, np.arange(len(bent)), frequency(bent))
    step = hertz / SAMPLE_RATE
    phase = np.cumsum(step) % 1.0
    saw = 2 * phase - 1
    # PolyBLEP: rounds the jump of the sawtooth, so that it does not alias.
    rising, falling = phase < step, phase > 1 - step
    ahead, behind = phase[rising] / step[rising], (phase[falling] - 1) / step[falling]
    saw[rising] -= 2 * ahead - ahead**2 - 1
    saw[falling] -= behind**2 + 2 * behind + 1
    return saw + singer.breath * rng.standard_normal(samples)


def _filter(source: npt.NDArray[np.float64], gain: Control) -> npt.NDArray[np.float64]:
    """Multiply the short-time spectrum by a gain (frames, bins), and put it together again."""
    window = np.hanning(_WINDOW + 1)[:-1]
    padded = np.pad(source, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(gain)]
    active = np.flatnonzero(gain.any(axis=1))
    pieces = np.fft.irfft(np.fft.rfft(frames[active] * window) * gain[active], _WINDOW) * window
    whole = np.zeros((len(gain), _WINDOW))
    whole[active] = pieces
    out = np.zeros((len(gain) + 3, _HOP))
    for part in range(4):
        out[part : part + len(gain)] += whole[:, part * _HOP : (part + 1) * _HOP]
    return out.ravel()[_WINDOW // 2 :][: len(source)] / 1.5  # 1.5: sum of the squared windows


def _fill(pitch: Control) -> Control:
    """Hold the last pitch through rests, and the first one before it."""
    known = np.flatnonzero(~np.isnan(pitch))
    places = np.searchsorted(known, np.arange(len(pitch)), side="right") - 1
    return pitch[known[np.maximum(places, 0)]]


def _smooth(values: Control, width: int) -> Control:
    """Average over the last ``width`` frames (the first axis)."""
    padded = np.concatenate([np.repeat(values[:1], width, axis=0), values])
    total = np.cumsum(padded, axis=0)
    means: Control = (total[width:] - total[:-width]) / width
    return means

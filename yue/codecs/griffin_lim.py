"""Audio from mel frames: magnitudes by non-negative fitting, phases by fast Griffin-Lim."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from yue.codecs.mel import MelShape, hann, mel_bank, windows

_ITERATIONS = 32
_MOMENTUM = 0.99
_FIT_STEPS = 10


def audio_from_bands(bands: NDArray[np.float32], shape: MelShape, seed: int) -> NDArray[np.float32]:
    """Invent audio whose mel bands are ``bands``.

    Args:
        bands: (T, mels) mean magnitudes.
        shape: How the bands were made.
        seed: Of the first phases; equal seeds give equal audio.

    Returns:
        (T * hop,) samples.
    """
    magnitudes = spectrum_from_bands(bands, shape) * (hann(shape.n_fft).sum() / np.float32(2))
    rng = np.random.default_rng(seed)
    turns = rng.random(magnitudes.shape, dtype=np.float32)
    spectra = magnitudes * np.exp(np.complex64(2j * np.pi) * turns)
    before = np.zeros_like(spectra)
    pull = np.float32(-_MOMENTUM / (1 + _MOMENTUM))
    for _ in range(_ITERATIONS):
        now = np.fft.rfft(windows(overlap_add(spectra, shape), shape.n_fft, shape.hop))
        before *= pull
        before += now
        spectra = before * (magnitudes / (np.abs(before) + np.float32(1e-12)))
        before = now
    return overlap_add(spectra, shape)


def spectrum_from_bands(bands: NDArray[np.float32], shape: MelShape) -> NDArray[np.float32]:
    """Magnitudes (T, bins) whose bands come close to ``bands``, by multiplicative updates."""
    bank = mel_bank(shape.sample_rate, shape.n_fft, shape.mels).astype(np.float32)
    target = bands @ bank.T
    spectrum: NDArray[np.float32] = target / np.maximum(bank.sum(axis=1), np.float32(1e-6))
    for _ in range(_FIT_STEPS):
        spectrum *= target / np.maximum((spectrum @ bank) @ bank.T, np.float32(1e-9))
    return spectrum


def overlap_add(spectra: NDArray[np.complex64], shape: MelShape) -> NDArray[np.float32]:
    """Audio (T * hop,) whose windows have these spectra (T, bins), in the least-squares sense."""
    n_fft, hop = shape.n_fft, shape.hop
    window = hann(n_fft)
    pieces = np.fft.irfft(spectra, n_fft).astype(np.float32, copy=False) * window
    before = (n_fft - hop) // 2
    kept = slice(before, before + len(pieces) * hop)
    return _add_shifted(pieces, hop)[kept] / _weights(len(pieces), n_fft, hop)[kept]


@lru_cache(maxsize=4)
def _weights(count: int, n_fft: int, hop: int) -> NDArray[np.float32]:
    """What ``count`` squared windows add up to at each sample, never quite 0."""
    squares = np.broadcast_to(hann(n_fft) ** 2, (count, n_fft))
    return np.maximum(_add_shifted(squares, hop), np.float32(1e-3))


def _add_shifted(pieces: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    """Sum of pieces (T, n), each ``hop`` after the one before."""
    count, length = pieces.shape
    parts = -(-length // hop)
    whole = np.pad(pieces, ((0, 0), (0, parts * hop - length))).reshape(count, parts, hop)
    out = np.zeros((count + parts - 1, hop), np.float32)
    for part in range(parts):
        out[part : part + count] += whole[:, part]
    return out.reshape(-1)

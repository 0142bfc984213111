"""Log-mel frames of audio, as whole numbers of a fixed step.

Whole numbers make everything after them exact: sums and products of them in float32 do not round,
so codes and fitted codebooks do not depend on threads, batch or order. The step (1/64 of a decade,
0.3 dB) is far below what a codebook can tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]

STEPS = 64  # a decade
FLOOR = -5.0  # decades below a full-scale sine
CEILING = 1.0
CENTRE = -2.0  # decades at which a value is 0; keeps squared lengths below 2**24, so exact
LOWEST = int((FLOOR - CENTRE) * STEPS)
HIGHEST = int((CEILING - CENTRE) * STEPS)


@dataclass(frozen=True)
class MelShape:
    """How audio becomes frames.

    Attributes:
        sample_rate: Samples a second.
        n_fft: Samples of a window.
        hop: Samples between windows.
        mels: Bands of a frame.
    """

    sample_rate: int
    n_fft: int
    hop: int
    mels: int


@cache
def mel_bank(sample_rate: int, n_fft: int, mels: int) -> NDArray[np.float64]:
    """Triangular filters evenly spaced in mel, each with sum 1; (n_fft // 2 + 1, mels)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    # A filter between two bins would hear nothing: it takes its nearest bin.
    triangles = np.maximum(triangles, 0) + 1e-9 * (np.abs(bins - middle) < sample_rate / n_fft)
    bank: NDArray[np.float64] = triangles / triangles.sum(axis=0)
    return bank


@cache
def hann(n_fft: int) -> NDArray[np.float32]:
    """A periodic Hann window."""
    turns = np.arange(n_fft) / n_fft
    return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)


def windows(audio: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.float32]:
    """Overlapping windows (T, n_fft), window t centred on hop t of ``audio`` (T * hop,)."""
    before = (n_fft - hop) // 2
    padded = np.pad(audio, (before, n_fft - hop - before))
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop] * hann(n_fft)


def magnitudes(audio: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.float32]:
    """Spectral magnitudes (T, n_fft // 2 + 1); a full-scale sine peaks at 1."""
    scale = np.float32(2 / hann(n_fft).sum())
    spectra = np.fft.rfft(windows(audio, n_fft, hop))
    return (np.abs(spectra) * scale).astype(np.float32, copy=False)


def log_mel(audio: NDArray[np.float32], shape: MelShape) -> Frames:
    """Frames of audio.

    Args:
        audio: (T * hop,) samples.
        shape: How to frame it.

    Returns:
        (T, mels) float32 holding whole numbers from LOWEST to HIGHEST.
    """
    # float64, so that the order in which a matrix product adds up never shows after rounding.
    bands = magnitudes(audio, shape.n_fft, shape.hop).astype(np.float64) @ mel_bank(
        shape.sample_rate, shape.n_fft, shape.mels
    )
    decades = np.log10(np.maximum(bands, 10.0**FLOOR)) - CENTRE
    frames: Frames = np.clip(np.rint(decades * STEPS), LOWEST, HIGHEST).astype(np.float32)
    return frames


def band_levels(frames: Frames) -> NDArray[np.float32]:
    """Mean magnitude of each band, (T, mels); silence is exactly 0."""
    decades = frames / np.float32(STEPS) + np.float32(CENTRE)
    levels: NDArray[np.float32] = np.power(np.float32(10), decades)
    levels[frames <= LOWEST + 1] = 0
    return levels

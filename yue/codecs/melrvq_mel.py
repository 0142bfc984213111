"""Mel frames of audio, audio of mel frames, and how far such audio is from the original.

Frames are log-mel levels as whole numbers of a fixed step. That makes everything after them exact:
sums and products of whole numbers in float32 do not round, so codes and fitted codebooks do not
depend on threads, batch or order. The step (1/64 of a decade, 0.3 dB) is far below what a codebook
can tell apart.

Audio comes from frames by magnitudes that fit them (non-negative, by multiplicative updates) and
phases by fast Griffin-Lim.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]

STEPS = 64  # a decade
FLOOR = -5.0  # decades below a full-scale sine
CEILING = 1.0
CENTRE = -2.0  # decades at which a value is 0; keeps squared lengths below 2**24, so exact
LOWEST = int((FLOOR - CENTRE) * STEPS)
HIGHEST = int((CEILING - CENTRE) * STEPS)

_ITERATIONS, _MOMENTUM = 32, 0.99  # of Griffin-Lim
_FIT_STEPS = 10  # of magnitudes to bands
# Of the distance between recordings: samples of a window with mel bands, and the least level.
_RESOLUTIONS = ((512, 40), (1024, 80), (2048, 120))
_FLOOR = 1e-5  # of a full-scale sine: -100 dB


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
    """Return triangular filters evenly spaced in mel, each with sum 1; (n_fft // 2 + 1, mels)."""
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
    """Return a periodic Hann window."""
    turns = np.arange(n_fft) / n_fft
    return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)


def windows(audio: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.float32]:
    """Return overlapping windows (T, n_fft), window t centred on hop t of ``audio`` (T * hop,)."""
    before = (n_fft - hop) // 2
    padded = np.pad(audio, (before, n_fft - hop - before))
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop] * hann(n_fft)


def magnitudes(audio: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.float32]:
    """Return spectral magnitudes (T, n_fft // 2 + 1); a full-scale sine peaks at 1."""
    scale = np.float32(2 / hann(n_fft).sum())
    spectra = np.fft.rfft(windows(audio, n_fft, hop))
    return (np.abs(spectra) * scale).astype(np.float32, copy=False)


def log_mel(audio: NDArray[np.float32], shape: MelShape) -> Frames:
    """Turn audio into frames.

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
    """Return the mean magnitude of each band, (T, mels); silence is exactly 0."""
    decades = frames / np.float32(STEPS) + np.float32(CENTRE)
    levels: NDArray[np.float32] = np.power(np.float32(10), decades)
    levels[frames <= LOWEST + 1] = 0
    return levels


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
    """Fit magnitudes (T, bins) whose bands come close to ``bands``, by multiplicative updates."""
    bank = mel_bank(shape.sample_rate, shape.n_fft, shape.mels).astype(np.float32)
    target = bands @ bank.T
    spectrum: NDArray[np.float32] = target / np.maximum(bank.sum(axis=1), np.float32(1e-6))
    for _ in range(_FIT_STEPS):
        spectrum *= target / np.maximum((spectrum @ bank) @ bank.T, np.float32(1e-9))
    return spectrum


def overlap_add(spectra: NDArray[np.complex64], shape: MelShape) -> NDArray[np.float32]:
    """Return audio (T * hop,) whose windows have spectra (T, bins), in the least-squares sense."""
    n_fft, hop = shape.n_fft, shape.hop
    window = hann(n_fft)
    pieces = np.fft.irfft(spectra, n_fft).astype(np.float32, copy=False) * window
    before = (n_fft - hop) // 2
    kept = slice(before, before + len(pieces) * hop)
    return _add_shifted(pieces, hop)[kept] / _window_sums(len(pieces), n_fft, hop)[kept]


@lru_cache(maxsize=4)
def _window_sums(count: int, n_fft: int, hop: int) -> NDArray[np.float32]:
    """Sum ``count`` squared windows at each sample, never quite 0."""
    squares = np.broadcast_to(hann(n_fft) ** 2, (count, n_fft))
    return np.maximum(_add_shifted(squares, hop), np.float32(1e-3))


def _add_shifted(pieces: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    """Add up pieces (T, n), each ``hop`` after the one before."""
    count, length = pieces.shape
    parts = -(-length // hop)
    whole = np.pad(pieces, ((0, 0), (0, parts * hop - length))).reshape(count, parts, hop)
    out = np.zeros((count + parts - 1, hop), np.float32)
    for part in range(parts):
        out[part : part + count] += whole[:, part]
    return out.reshape(-1)


def mel_distance(
    original: NDArray[np.float32], decoded: NDArray[np.float32], sample_rate: int
) -> float:
    """Return the mean |difference of log10 mel magnitude| over three resolutions; 0.1 is 2 dB.

    For scale: Opus at 28 kbit/s is about 0.09 from its original, music shifted by half a second
    about 0.6, silence more than 2.

    Args:
        original: (N,) samples.
        decoded: (N or more,) samples; what is beyond N is not looked at.
        sample_rate: Of both.
    """
    distances = []
    for n_fft, mels in _RESOLUTIONS:
        bank = mel_bank(sample_rate, n_fft, mels)
        first, second = (
            np.log10(np.maximum(_padded_magnitudes(audio, n_fft) @ bank, _FLOOR))
            for audio in (original, decoded[: len(original)])
        )
        distances.append(np.abs(first - second).mean())
    return float(np.mean(distances))


def _padded_magnitudes(audio: NDArray[np.float32], n_fft: int) -> NDArray[np.float64]:
    hop = n_fft // 4
    return magnitudes(np.pad(audio, (0, -len(audio) % hop)), n_fft, hop).astype(np.float64)


@cache
def one_blas_thread() -> None:
    """Make numpy multiply matrices on the thread that asks for it, from now on.

    OpenBLAS's threads wait for each other by spinning; on a machine with other work, or beside
    threads of ours, that made a fit sixteen times slower. Tracks and chunks are spread over
    threads instead. Torch has its own BLAS and is left alone.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    for library in ThreadpoolController().lib_controllers:
        if library.user_api == "blas" and "numpy" in library.filepath:
            library.set_num_threads(1)

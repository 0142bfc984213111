"""The low band of one recording and the high band of another."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from yue.audio.resample import make_resampler
from yue.codecs.base import Audio

_CUTOFF = 5500.0  # Hz
_QUALITY = 0.707


def exchange_low_band(low: Audio, low_rate: int, high: Audio, high_rate: int) -> Audio:
    """``high`` with its band below 5.5 kHz taken from ``low``, at the loudness it had in ``high``.

    Args:
        low: (N,) float32.
        low_rate: Of it.
        high: (M,) float32.
        high_rate: Of it, and of the answer.

    Returns:
        (min(M, resampled N),) float32.
    """
    resampler = make_resampler("sinc_hann", low_rate, high_rate, 1)
    parts = [resampler.push(low[:, None]), resampler.finish()]
    resampled = torch.cat([torch.from_numpy(part)[:, 0] for part in parts])
    wide = torch.from_numpy(high)
    ours, theirs = (_filtered(audio, high_rate, keep_low=True) for audio in (resampled, wide))
    scale = (_rms(theirs) + 1e-10) / (_rms(ours) + 1e-10)
    samples = min(len(ours), len(theirs))
    top = _filtered(wide, high_rate, keep_low=False)
    audio: Audio = (scale * ours[:samples] + top[:samples]).numpy()
    return audio


def _rms(audio: Tensor) -> float:
    return float(audio.pow(2).mean().sqrt())


def _filtered(audio: Tensor, rate: int, *, keep_low: bool) -> Tensor:
    """A filter of second order; torchaudio's own of this kind clips what is louder than 1."""
    from torchaudio.functional import lfilter

    angle = 2 * math.pi * _CUTOFF / rate
    spread, cosine = math.sin(angle) / (2 * _QUALITY), math.cos(angle)
    side = (1 - cosine) / 2 if keep_low else (1 + cosine) / 2
    centre = 1 - cosine if keep_low else -1 - cosine
    poles = torch.tensor([1 + spread, -2 * cosine, 1 - spread], dtype=audio.dtype)
    zeros = torch.tensor([side, centre, side], dtype=audio.dtype)
    filtered: Tensor = lfilter(audio, poles, zeros, clamp=False)
    return filtered

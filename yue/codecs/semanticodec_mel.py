"""Log-mel windows as SemantiCodec's encoder was trained on, by Kaldi's recipe."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from yue.codecs.base import Audio

WINDOW = 163_840  # samples: 10.24 s
FRAMES, BANDS = 1024, 128  # of a window

_MEAN, _DEVIATION = -4.2677393, 4.5689974  # of AudioSet, where the encoder learnt


def mel_windows(track: Audio) -> NDArray[np.float32]:
    """A track in windows, (W, 1024, 128) float32, W = ceil(N / 163840).

    As in the original, silence is added up to the end of a window, and a whole window where
    a track already ends with one; the mean that is taken off is that of the audio with the silence.

    Args:
        track: (N,) float32 at 16 kHz.
    """
    from torchaudio.compliance.kaldi import fbank

    audio = torch.from_numpy(np.pad(track, (0, WINDOW - len(track) % WINDOW)))[None]
    levels: Tensor = fbank(
        audio - audio.mean(),
        htk_compat=True,
        sample_frequency=16_000,
        window_type="hanning",
        num_mel_bins=BANDS,
    )
    frames = audio.shape[1] // WINDOW * FRAMES
    # The last two frames would reach past the end.
    levels = torch.nn.functional.pad(levels, (0, 0, 0, frames - len(levels)))
    windows = ((levels - _MEAN) / (2 * _DEVIATION)).view(-1, FRAMES, BANDS)
    return windows[: -(-len(track) // WINDOW)].numpy()


def sounding_positions(windows: Tensor) -> Tensor:
    """How many of a window's 512 positions come before the silence at its end, (W,) int64.

    Args:
        windows: (W, 1024, 128).
    """
    sounds = windows.std(dim=-1) > 1e-7
    numbers = torch.arange(1, FRAMES + 1, device=windows.device)
    last = (sounds * numbers).amax(dim=1)
    last[sounds.sum(dim=1) == 1] = 0  # the original's slip over a window with one such frame
    return (last + 1) // 2

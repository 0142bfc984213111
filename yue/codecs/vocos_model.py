"""The Vocos vocoder: ConvNeXt blocks at 50 frames a second, then an inverse Fourier transform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from yue.codecs.base import Audio
from yue.codecs.checkpoint import fill, read_checkpoint, renamed, tensors, wrong_checkpoint

_WINDOW, _HOP = 3528, 882  # samples at 44.1 kHz
_LOUDEST = 100.0  # of a bin
_RENAMED = {"backbone.": "", "head.out.": "out.", "head.istft.window": "window"}


class _Block(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).transpose(1, 2))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        result: Tensor = x + y.transpose(1, 2)
        return result


class Vocos(nn.Module):
    """A vocoder.

    Args:
        state: Its weights, which say its sizes.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        width, self.channels = state["embed.weight"].shape[:2]
        inner = state["convnext.0.pwconv1.weight"].shape[0]
        self.embed = nn.Conv1d(self.channels, width, 7, padding=3)
        self.norm, self.final_layer_norm = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        blocks = sum(name.endswith(".gamma") for name in state)
        self.convnext = nn.ModuleList(_Block(width, inner) for _ in range(blocks))
        self.out = nn.Linear(width, _WINDOW + 2)
        self.register_buffer("window", torch.empty(_WINDOW))
        self.window: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, D, T) to audio (B, T * 882)."""
        x = self.norm(self.embed(features).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        loudness, phase = self.out(self.final_layer_norm(x.transpose(1, 2))).chunk(2, dim=-1)
        spectrum = torch.polar(loudness.exp().clamp(max=_LOUDEST), phase)
        frames = torch.fft.irfft(spectrum, _WINDOW) * self.window
        weight = self.window.square().expand(1, frames.shape[1], -1)
        return _overlapped(frames) / _overlapped(weight)

    @torch.inference_mode()
    def speak(self, features: Tensor) -> Audio:
        """Features (D, T) to audio (T * 882,)."""
        audio: Audio = self(features[None])[0].cpu().numpy()
        return audio


def load_vocos(file: Path, channels: int, device: str) -> Vocos:
    """Load one of YuE's vocoders, every weight of it.

    Args:
        file: ``decoder_131000.pth`` or ``decoder_151000.pth``.
        channels: Of the features that it will read.
        device: As torch names devices.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    state = renamed(tensors(read_checkpoint(file), file, "decoder"), _new_name, file)
    try:
        model = Vocos(state)
    except KeyError as error:
        raise wrong_checkpoint(file, f"there is no {error}") from error
    if model.channels != channels:
        raise wrong_checkpoint(
            file, f"it reads {model.channels} numbers a frame, the codec gives {channels}"
        )
    return fill(model, state, file, device)


def _new_name(name: str) -> str | None:
    for old, new in _RENAMED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return None


def _overlapped(frames: Tensor) -> Tensor:
    """Frames (B, T, window) added up a hop apart, cut to (B, T * hop)."""
    count = frames.shape[1]
    length = (count - 1) * _HOP + _WINDOW
    columns = frames.transpose(1, 2)
    summed = F.fold(columns, (1, length), (1, _WINDOW), stride=(1, _HOP))[:, 0, 0]
    edge = (_WINDOW - _HOP) // 2
    return summed[:, edge : edge + count * _HOP]

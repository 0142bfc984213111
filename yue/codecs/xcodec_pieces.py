"""The parts of xcodec that hear only a moment, run in pieces: memory does not grow with a track.

What hears all of a track (the transformer, at 50 frames a second) stays whole.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import XcodecModel

from yue.codecs.windows import Window, spans

PIECE_SECONDS = 30
_FRAME_RATE = 50
# The acoustic encoder hears 28 frames on either side; 32 change nothing.
WINDOW = Window(PIECE_SECONDS * _FRAME_RATE, 32)


def encode_in_pieces(model: XcodecModel, window: Window = WINDOW) -> None:
    """Make a model's encoders take long tracks in pieces; shorter ones go through as they were."""
    model.acoustic_encoder = _InWindows(model.acoustic_encoder, model.config.hop_length, window)
    semantic = model.semantic_model
    if semantic.config.feat_extract_norm == "group":
        semantic.feature_extractor = _Features(semantic.feature_extractor, window)


class _InWindows(nn.Module):
    """A convolutional encoder, (B, 1, T * hop) to (B, C, T)."""

    def __init__(self, encoder: nn.Module, hop: int, window: Window) -> None:
        super().__init__()
        self.encoder, self.hop, self.window = encoder, hop, window

    def forward(self, audio: Tensor) -> Tensor:
        pieces = [
            self.encoder(audio[..., span.start * self.hop : span.stop * self.hop])[
                ..., span.first - span.start : span.end - span.start
            ]
            for span in spans(audio.shape[-1] // self.hop, self.window)
        ]
        return torch.cat(pieces, dim=-1)


class _Features(nn.Module):
    """HuBERT's convolutions, (B, N) to (B, C, T).

    They hear 400 samples, but the first is normalised over the whole track: its mean and variance
    are collected in a first pass.
    """

    def __init__(self, features: Any, window: Window) -> None:
        super().__init__()
        self.features: Any = features
        self.frames = window.frames
        convolutions = [layer.conv for layer in features.conv_layers]
        self.hop = math.prod(conv.stride[0] for conv in convolutions)
        self.heard, hop = 1, 1
        for conv in convolutions:
            self.heard += (conv.kernel_size[0] - 1) * hop
            hop *= conv.stride[0]

    def forward(self, audio: Tensor) -> Tensor:
        frames = (audio.shape[1] - self.heard) // self.hop + 1
        if frames <= self.frames:
            whole: Tensor = self.features(audio)
            return whole
        first, *rest = self.features.conv_layers
        scale, shift = self._normalisation(first, audio)
        pieces = []
        for start in range(0, frames, self.frames):
            end = min(start + self.frames, frames)
            piece = audio[:, None, start * self.hop : (end - 1) * self.hop + self.heard]
            hidden = first.activation(first.conv(piece) * scale + shift)
            for layer in rest:
                hidden = layer(hidden)
            pieces.append(hidden)
        return torch.cat(pieces, dim=-1)

    def _normalisation(self, layer: Any, audio: Tensor) -> tuple[Tensor, Tensor]:
        """What group normalisation over the whole track multiplies and adds, (B, C, 1) each."""
        (kernel,), (stride,) = layer.conv.kernel_size, layer.conv.stride
        count = (audio.shape[1] - kernel) // stride + 1
        step = self.frames * self.hop // stride
        total = squares = torch.zeros((), dtype=torch.float64, device=audio.device)
        for start in range(0, count, step):
            end = min(start + step, count)
            hidden = layer.conv(audio[:, None, start * stride : (end - 1) * stride + kernel])
            total = total + hidden.sum(dim=-1, keepdim=True, dtype=torch.float64)
            squares = squares + hidden.square_().sum(dim=-1, keepdim=True, dtype=torch.float64)
        mean = total / count
        norm = layer.layer_norm
        scale = norm.weight[:, None] / (squares / count - mean**2 + norm.eps).sqrt()
        return scale.float(), (norm.bias[:, None] - mean * scale).float()

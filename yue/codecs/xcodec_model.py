"""The model of xcodec, by Transformers, in pieces of bounded memory.

Its convolutions take long tracks in pieces, so that what grows with a track is small; the semantic
transformer, which attends to all of a track at 50 frames a second, stays whole. YuE's own
checkpoint is read as Transformers' model: the same weights under other names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import HubertConfig, XcodecConfig, XcodecModel

from yue.codec_facts import BUILT_IN
from yue.codecs.card import CodecCard, Window, spans
from yue.codecs.original_weights import (
    empty,
    fill,
    layer_name,
    load_model,
    read_checkpoint,
    renamed,
    tensors,
)
from yue.codecs.torch_codec import TorchCodec

_FACTS = BUILT_IN["xcodec"]
PIECE_SECONDS = 30
# The acoustic encoder's receptive field reaches 28 frames to either side; 32 change nothing.
WINDOW = Window(int(PIECE_SECONDS * _FACTS.frame_rate), 32)
# Estimates at full size. The second is what 13 layers of the semantic model keep of each second:
# measured 4.1 MB (252 MB for 60 s, 496 MB for 120 s; benchmarks/RESULTS.md), with a reserve.
_BYTES_A_SECOND, _LONG_BYTES_A_SECOND = 30_000_000, 6_000_000


class Xcodec(TorchCodec):
    """The codec. A track is encoded whole: its semantic model attends to all of it.

    For that reason tracks are never padded to a common length: the padding would change half of
    the codes of codebook 0.

    Args:
        card: What it is.
        model: Transformers' model.
    """

    def __init__(self, card: CodecCard, model: XcodecModel) -> None:
        super().__init__(card, model)
        self._model = model
        self.decode_window = WINDOW
        encode_in_pieces(model)
        count = model.quantizer.get_num_quantizers_for_bandwidth
        # Only some bandwidths are allowed: the least that gives all codebooks that are kept.
        self._bandwidth = min(
            bandwidth
            for bandwidth in model.config.target_bandwidths
            if count(bandwidth) >= self.codebooks
        )

    def batch_bytes(self, seconds: float) -> float:
        """Estimate what a track takes: pieces at full rate, all of it at 50 frames a second."""
        return min(seconds, PIECE_SECONDS) * _BYTES_A_SECOND + seconds * _LONG_BYTES_A_SECOND

    def _model_encode(self, audio: Tensor) -> Tensor:
        codes: Tensor = self._model.encode(audio[:, None], bandwidth=self._bandwidth).audio_codes
        return codes[:, : self.codebooks]

    def _model_decode(self, codes: Tensor) -> Tensor:
        audio: Tensor = self._model.decode(codes[None]).audio_values[0, 0]
        return audio

    @torch.inference_mode()
    def embed(self, codes: NDArray[np.integer]) -> Tensor:
        """Return the sum of the vectors of codes (k, T): (D, T), which another decoder can read."""
        indices = torch.from_numpy(codes.astype(np.int64)).to(self._device)
        vectors: Tensor = self._model.quantizer.decode(indices[:, None])[0]
        return vectors


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

    They see 400 samples, but the first is normalised over the whole track: its mean and variance
    are collected in a first pass.
    """

    def __init__(self, features: Any, window: Window) -> None:
        super().__init__()
        self.features: Any = features
        self.frames = window.frames
        convolutions = [layer.conv for layer in features.conv_layers]
        self.hop = math.prod(conv.stride[0] for conv in convolutions)
        self.receptive, hop = 1, 1
        for conv in convolutions:
            self.receptive += (conv.kernel_size[0] - 1) * hop
            hop *= conv.stride[0]

    def forward(self, audio: Tensor) -> Tensor:
        frames = (audio.shape[1] - self.receptive) // self.hop + 1
        if frames <= self.frames:
            whole: Tensor = self.features(audio)
            return whole
        first, *rest = self.features.conv_layers
        scale, shift = self._normalisation(first, audio)
        pieces = []
        for start in range(0, frames, self.frames):
            end = min(start + self.frames, frames)
            piece = audio[:, None, start * self.hop : (end - 1) * self.hop + self.receptive]
            hidden = first.activation(first.conv(piece) * scale + shift)
            for layer in rest:
                hidden = layer(hidden)
            pieces.append(hidden)
        return torch.cat(pieces, dim=-1)

    def _normalisation(self, layer: Any, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return what group normalisation over a track multiplies and adds, (B, C, 1) each."""
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


def load_transformers(card: CodecCard, path: Path, device: str) -> Xcodec:
    """Load a folder in Transformers' layout.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    return Xcodec(card, load_model(XcodecModel, path, device))


def load_yue(
    card: CodecCard, file: Path, ratios: Sequence[int], bandwidths: Sequence[float], device: str
) -> Xcodec:
    """Load YuE's own checkpoint, every weight of it, into Transformers' model.

    Args:
        card: What the codec is.
        file: ``ckpt_00360000.pth``.
        ratios: As of :func:`model_config`.
        bandwidths: As of :func:`model_config`.
        device: As torch names devices, or auto.

    Raises:
        CodecError: The file is damaged, or its weights are not those of the model.
    """
    state = tensors(read_checkpoint(file).get("codec_model"), file, "codec_model")
    model = empty(lambda: XcodecModel(model_config(ratios, bandwidths)))
    return Xcodec(card, fill(model, renamed(state, new_name, file), file, device))


def model_config(ratios: Sequence[int], bandwidths: Sequence[float]) -> XcodecConfig:
    """Return Transformers' configuration of YuE's model, whose widths its code has, not its config.

    Args:
        ratios: Strides of the acoustic encoder.
        bandwidths: That it was trained for, in kbit/s.
    """
    return XcodecConfig(
        target_bandwidths=list(bandwidths),
        sample_rate=_FACTS.sample_rate,
        codebook_size=_FACTS.sizes[0],
        acoustic_model_config={
            "model_type": "dac",
            "encoder_hidden_size": 64,
            "decoder_hidden_size": 1024,
            "downsampling_ratios": list(ratios),
            "upsampling_ratios": list(ratios),
            "sampling_rate": _FACTS.sample_rate,
            "hidden_size": 256,
        },
        semantic_model_config=HubertConfig().to_dict(),
    )


_RENAMED = (
    ("encoder_semantic.", "encoder_semantic."),
    ("decoder_semantic.", "decoder_semantic."),
    ("semantic_model.", "semantic_model."),
    ("fc_prior.", "fc."),
    ("fc_post1.", "fc1."),
    ("fc_post2.", "fc2."),
    ("quantizer.vq.layers.", "quantizer.quantizers."),
)


def new_name(name: str) -> str | None:
    """Return Transformers' name of a weight of the original, None if it has none."""
    if name.startswith("encoder."):
        return layer_name(name.removeprefix("encoder.block."), "acoustic_encoder", encoder=True)
    if name.startswith("decoder_2."):
        rest = name.removeprefix("decoder_2.model.")
        return layer_name(rest, "acoustic_decoder", encoder=False)
    for old, new in _RENAMED:
        if name.startswith(old):
            rest = name.removeprefix(old)
            if old == "semantic_model.":
                # Transformers keeps this one's weight normalisation.
                rest = rest.replace(".weight_g", ".parametrizations.weight.original0")
                rest = rest.replace(".weight_v", ".parametrizations.weight.original1")
            elif old == "quantizer.vq.layers.":
                rest = rest.replace("._codebook.", ".codebook.")
            elif old.endswith("coder_semantic."):
                rest = re.sub(r"\b(conv[12]?)\.conv\.", r"\1.", rest)
            return new + rest
    return None

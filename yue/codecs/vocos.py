"""YuE's upsampler: two Vocos vocoders that make 44.1 kHz audio of xcodec's codes.

One was trained on voices, one on instruments: ConvNeXt blocks at 50 frames a second, then an
inverse Fourier transform. As in YuE's inference, what they say below 5.5 kHz is exchanged for what
xcodec's own decoder says at 16 kHz, as loud as they had it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from yue.audio.resample import make_resampler
from yue.codecs.base import Audio, Codec
from yue.codecs.original_weights import (
    fill,
    new_prefix,
    read_checkpoint,
    renamed,
    tensors,
    wrong_checkpoint,
)
from yue.errors import CodecError
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.codecs.xcodec_model import Xcodec

VOCAL, INSTRUMENTAL = "decoders/decoder_131000.pth", "decoders/decoder_151000.pth"

_WINDOW, _HOP = 3528, 882  # samples at 44.1 kHz
_LOUDEST = 100.0  # of a bin
_RENAMED = {"backbone.": "", "head.out.": "out.", "head.istft.window": "window"}
_CUTOFF = 5500.0  # Hz
_QUALITY = 0.707


@dataclass(frozen=True)
class UpsampledTracks:
    """A song at 44.1 kHz, (T * 882,) float32 each; the mix is exchanged by itself."""

    vocal: Audio
    instrumental: Audio
    mix: Audio


class Upsampler:
    """The two vocoders beside the codec whose codes they read.

    Args:
        codec: What reads the same codes.
        vocal: Of voices.
        instrumental: Of instruments.
    """

    sample_rate = 44_100

    def __init__(self, codec: Xcodec, vocal: Vocos, instrumental: Vocos) -> None:
        self._codec, self._vocal, self._instrumental = codec, vocal, instrumental

    def decode(
        self, vocal: NDArray[np.integer], instrumental: NDArray[np.integer]
    ) -> UpsampledTracks:
        """Decode both tracks of a song.

        Args:
            vocal: (k, T) codes; the vocoders were trained on 8 codebooks.
            instrumental: (k, T) codes.
        """
        low = [self._codec.decode(codes) for codes in (vocal, instrumental)]
        high = [
            vocos.vocode(self._codec.embed(codes))
            for vocos, codes in ((self._vocal, vocal), (self._instrumental, instrumental))
        ]
        pairs = [*zip(low, high, strict=True), (low[0] + low[1], high[0] + high[1])]
        rate = self._codec.sample_rate
        return UpsampledTracks(*(exchange_low_band(a, rate, b, self.sample_rate) for a, b in pairs))


def load_upsampler(codec: Codec, path: Path) -> Upsampler:
    """Load the vocoders that lie beside the codec's weights.

    Args:
        codec: What reads the same codes.
        path: The folder of its weights.

    Raises:
        CodecError: It is not xcodec, or a file is missing, damaged or of another model.
    """
    if codec.name != "xcodec":
        raise CodecError(
            f"there is no upsampler for {codec.name}",
            why="YuE's vocoders read the codes of xcodec",
            fix="set generate.upsample to false",
        )
    for file in (VOCAL, INSTRUMENTAL):
        if not (path / file).is_file():
            raise CodecError(
                f"no upsampler in {path}",
                why=f"there is no {file}",
                fix=f"get it: yue fetch m-a-p/xcodec_mini_infer --output-dir {quoted(path)} "
                f"--include {VOCAL} {INSTRUMENTAL} (or set generate.upsample to false: 16 kHz)",
            )
    from yue.codecs.xcodec_model import Xcodec

    assert isinstance(codec, Xcodec)
    width = codec.embed(np.zeros((1, 1), np.int64)).shape[0]
    vocal, instrumental = (
        load_vocos(path / file, width, codec.device) for file in (VOCAL, INSTRUMENTAL)
    )
    return Upsampler(codec, vocal, instrumental)


def exchange_low_band(low: Audio, low_rate: int, high: Audio, high_rate: int) -> Audio:
    """Return ``high`` with its band below 5.5 kHz taken from ``low``, as loud as ``high`` had it.

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
    ours, theirs = (_filter_band(audio, high_rate, keep_low=True) for audio in (resampled, wide))
    scale = (_rms(theirs) + 1e-10) / (_rms(ours) + 1e-10)
    samples = min(len(ours), len(theirs))
    top = _filter_band(wide, high_rate, keep_low=False)
    audio: Audio = (scale * ours[:samples] + top[:samples]).numpy()
    return audio


def _rms(audio: Tensor) -> float:
    return float(audio.pow(2).mean().sqrt())


def _filter_band(audio: Tensor, rate: int, *, keep_low: bool) -> Tensor:
    """Filter by second order; torchaudio's own filter of this kind clips what is louder than 1."""
    from torchaudio.functional import lfilter

    angle = 2 * math.pi * _CUTOFF / rate
    spread, cosine = math.sin(angle) / (2 * _QUALITY), math.cos(angle)
    side = (1 - cosine) / 2 if keep_low else (1 + cosine) / 2
    centre = 1 - cosine if keep_low else -1 - cosine
    poles = torch.tensor([1 + spread, -2 * cosine, 1 - spread], dtype=audio.dtype)
    zeros = torch.tensor([side, centre, side], dtype=audio.dtype)
    filtered: Tensor = lfilter(audio, poles, zeros, clamp=False)
    return filtered


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
        """Turn features (B, D, T) into audio (B, T * 882)."""
        x = self.norm(self.embed(features).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        loudness, phase = self.out(self.final_layer_norm(x.transpose(1, 2))).chunk(2, dim=-1)
        spectrum = torch.polar(loudness.exp().clamp(max=_LOUDEST), phase)
        frames = torch.fft.irfft(spectrum, _WINDOW) * self.window
        weight = self.window.square().expand(1, frames.shape[1], -1)
        return _overlap_add(frames) / _overlap_add(weight)

    @torch.inference_mode()
    def vocode(self, features: Tensor) -> Audio:
        """Turn features (D, T) into audio (T * 882,)."""
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
    state = renamed(
        tensors(read_checkpoint(file), file, "decoder"), partial(new_prefix, _RENAMED), file
    )
    try:
        model = Vocos(state)
    except KeyError as error:
        raise wrong_checkpoint(file, f"there is no {error}") from error
    if model.channels != channels:
        raise wrong_checkpoint(
            file, f"it reads {model.channels} numbers a frame, the codec gives {channels}"
        )
    return fill(model, state, file, device)


def _overlap_add(frames: Tensor) -> Tensor:
    """Add up frames (B, T, window) a hop apart, cut to (B, T * hop)."""
    count = frames.shape[1]
    length = (count - 1) * _HOP + _WINDOW
    columns = frames.transpose(1, 2)
    summed = F.fold(columns, (1, length), (1, _WINDOW), stride=(1, _HOP))[:, 0, 0]
    edge = (_WINDOW - _HOP) // 2
    return summed[:, edge : edge + count * _HOP]

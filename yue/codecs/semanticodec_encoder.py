"""SemantiCodec's encoder: mel windows, AudioMAE, centroids, LSTM, codebook.

Log-mel windows as SemantiCodec's encoder was trained on, by Kaldi's recipe.

SemantiCodec's encoder: an AudioMAE transformer, centroids, a bidirectional LSTM, a codebook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

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


TOGETHER = 4
"""Windows that go through the layers at once, the last ones with empty windows for company: a
matrix of another shape is multiplied in another order, and codes that are nearly tied would flip.
"""

_HEAD, _PATCH = 64, 16
_FIRST_HEARD = 9  # the blocks from here on are averaged
_UNUSED = re.compile(
    r"audiomae\.model\.(decoder_|mask_token)|quantizer\._codebook\.(initted|cluster_size|embed_avg)"
)
_RENAMED = {
    "audiomae.model.": "vit.",
    "encoder.": "lstm.",
    "encoder_output_linear.": "project.",
    "quantizer._codebook.embed": "codebook",
}


class _Block(nn.Module):
    """A pre-norm transformer block, its weights named as timm names them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)}
        )
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.attn["qkv"](self.norm1(x)).view(batch, length, 3, width // _HEAD, _HEAD)
        heard = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.attn["proj"](heard.transpose(1, 2).reshape(x.shape))
        result: Tensor = x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
        return result


class _Vit(nn.Module):
    def __init__(self, width: int, depth: int, positions: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, positions + 1, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(1, width, _PATCH, _PATCH)})
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, windows: Tensor) -> Tensor:
        patches = self.patch_embed["proj"](windows[:, None]).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(len(windows), -1, -1)
        x = torch.cat([first, patches], dim=1) + self.pos_embed
        heard = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number >= _FIRST_HEARD:
                heard.append(self.norm(x))
        return torch.stack(heard).mean(dim=0)[:, 1:]


class SemantiNetwork(nn.Module):
    """The encoder, and the two codebooks that both directions share.

    Args:
        state: Its weights, which say its sizes.

    Attributes:
        width: Of a row of either codebook.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.width = width = state["vit.cls_token"].shape[-1]
        self.vit = _Vit(
            width,
            sum(name.endswith(".attn.qkv.weight") for name in state),
            state["vit.pos_embed"].shape[1] - 1,
        )
        layers = sum(re.fullmatch(r"lstm\.weight_ih_l\d+", name) is not None for name in state)
        self.lstm = nn.LSTM(2 * width, 2 * width, layers, batch_first=True, bidirectional=True)
        self.project = nn.Linear(4 * width, width, bias=False)
        for name in ("centroids", "codebook"):
            self.register_buffer(name, torch.empty_like(state[name]))
        self.centroids: Tensor
        self.codebook: Tensor

    def forward(self, windows: Tensor) -> Tensor:
        """Codes (W, 2, 512) int64 of log-mel windows (W, 1024, 128), W at most ``TOGETHER``."""
        heard = self.vit(_filled(windows))[: len(windows)]
        semantic = _nearest(heard, self.centroids)
        x = torch.cat([heard, self.centroids[semantic]], dim=-1)
        numbers = torch.arange(x.shape[1], device=x.device)
        silent = numbers >= sounding_positions(windows)[:, None]
        x = x.masked_fill(silent[..., None], -1.0)
        residual = self.project(self.lstm(_filled(x))[0])[: len(windows)]
        acoustic = _nearest(residual, self.codebook)
        return torch.stack([semantic, acoustic], dim=1)

    def features(self, codes: Tensor) -> Tensor:
        """What the decoder reads for codes (2, T): (T, 2 * width)."""
        return torch.cat([self.codebook[codes[1]], self.centroids[codes[0]]], dim=-1)


def new_name(name: str) -> str | None:
    """Our name of a weight of the released encoder, None if it has none."""
    for old, new in _RENAMED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return None


def is_unused(name: str) -> bool:
    """Whether a weight of the released encoder served its training alone."""
    return _UNUSED.match(name) is not None


def _filled(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, 0, TOGETHER - len(x)))


def _nearest(x: Tensor, table: Tensor) -> Tensor:
    """Rows of a table that are nearest to x (W, T, width): (W, T) int64.

    Window by window: the distances to all rows are large.
    """
    squares = table.pow(2).sum(dim=1)
    return torch.stack(
        [(row.pow(2).sum(1, keepdim=True) + squares - 2 * (row @ table.T)).argmin(1) for row in x]
    )

"""The semanticodec codec: mel windows, AudioMAE, centroids, LSTM, codebook.

A window of 10.24 s becomes a log-mel spectrum by Kaldi's recipe, as the encoder was trained on. A
transformer (AudioMAE) describes it by 512 vectors; the nearest centroid of each is its semantic
code, and what a bidirectional LSTM makes of the vectors and their centroids has its nearest row in
a codebook: the acoustic code. The decoder is in :mod:`yue.codecs.semanticodec_decoder`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from yue.codec_facts import BUILT_IN
from yue.codecs.base import Audio, Codes, check_audio
from yue.codecs.card import CodecCard
from yue.codecs.original_weights import (
    fill,
    new_prefix,
    read_checkpoint,
    renamed,
    tensors,
    wrong_checkpoint,
)
from yue.codecs.torch_codec import TorchCodec
from yue.errors import CodecError

if TYPE_CHECKING:
    from yue.codecs.semanticodec_decoder import SemantiDecoder

WINDOW = 163_840  # samples: 10.24 s
FRAMES, BANDS = 1024, 128  # of a window
TOGETHER = 4
"""Windows that go through the layers at once, the last ones with empty windows for company: a
matrix of another shape is multiplied in another order, and codes that are nearly tied would flip.
"""

_FACTS = BUILT_IN["semanticodec"]
_BYTES_A_WINDOW = 100_000_000
_MEAN, _DEVIATION = -4.2677393, 4.5689974  # of AudioSet, which the encoder was trained on
_HEAD, _PATCH = 64, 16
_FIRST_AVERAGED = 9  # the vectors are the mean of what the blocks from here on say
_UNUSED = re.compile(
    r"audiomae\.model\.(decoder_|mask_token)|quantizer\._codebook\.(initted|cluster_size|embed_avg)"
)
_RENAMED = {
    "audiomae.model.": "vit.",
    "encoder.": "lstm.",
    "encoder_output_linear.": "project.",
    "quantizer._codebook.embed": "codebook",
}


class SemantiCodec(TorchCodec):
    """The codec. Each window of 10.24 s is encoded by itself.

    Args:
        card: What it is.
        network: Its encoder, on the device.
        find_decoder: Returns the decoder's checkpoint, which is looked for when it is first needed.
    """

    align = _FACTS.align
    together = TOGETHER

    def __init__(
        self, card: CodecCard, network: SemantiNetwork, find_decoder: Callable[[], Path]
    ) -> None:
        super().__init__(card, network)
        self._network, self._find_decoder = network, find_decoder

    def encode_tracks(self, tracks: Sequence[Audio]) -> list[Codes]:
        """Encode tracks of any lengths, (K, T) int16 each, in whole columns of 8 frames.

        The original adds a column of silence to a track that is a whole number of columns.

        Raises:
            CodecError: A track is empty, or has samples that are not finite.
        """
        for track in tracks:
            check_audio(track)
        windows = [mel_windows(track.astype(np.float32, copy=False)) for track in tracks]
        codes = self._check_codes(self._encode(np.concatenate(windows))).astype(np.int16)
        ends = np.cumsum([len(part) for part in windows])
        column = self.align * self.card.hop
        return [
            np.concatenate(part, axis=1)[:, : -(-len(track) // column) * self.align]
            for track, part in zip(tracks, np.split(codes, ends[:-1]), strict=True)
        ]

    def batch_bytes(self, seconds: float) -> float:
        """Estimate what a window takes while it is encoded."""
        return _BYTES_A_WINDOW

    def _model_encode(self, audio: Tensor) -> Tensor:
        """Log-mel windows (W, 1024, 128) to (W, K, 512)."""
        parts = [self._network(part) for part in torch.split(audio, TOGETHER)]
        return torch.cat(parts)[:, : self.codebooks]

    def ready_to_decode(self, codebooks: int) -> None:
        """Load the decoder now.

        Raises:
            CodecError: There is no decoder, no diffusers, or one codebook of the two.
        """
        if codebooks < _FACTS.codebooks:
            raise CodecError(
                "one codebook of semanticodec cannot be made audio",
                why="its decoder reads a semantic and an acoustic code for each frame",
                fix="keep both: codec.codebooks and tokens.codebooks 2",
            )
        _ = self.decoder

    @cached_property
    def decoder(self) -> SemantiDecoder:
        """The decoder; raises as :meth:`ready_to_decode` does."""
        file = self._find_decoder()
        try:
            from yue.codecs.semanticodec_decoder import load_decoder
        except ImportError as error:
            raise CodecError(
                f"semanticodec cannot decode without diffusers ({error})",
                why="its decoder is a diffusion model; encoding needs no such package",
                fix="install it: pip install 'yue[semanticodec]' (in a checkout: pip install "
                "-e '.[semanticodec]')",
            ) from error
        return load_decoder(file, 2 * self._network.width, self.device)

    def _model_decode(self, codes: Tensor) -> Tensor:
        self.ready_to_decode(len(codes))
        audio: Tensor = self.decoder(self._network.features(codes))
        return audio


def load_semanticodec(
    card: CodecCard,
    file: Path,
    centroids: NDArray[np.float32],
    find_decoder: Callable[[], Path],
    device: str,
) -> SemantiCodec:
    """Load an encoder, every weight of it.

    Args:
        card: What the codec is.
        file: ``encoder.ckpt``.
        centroids: (16384, width), the semantic codebook.
        find_decoder: As of :class:`SemantiCodec`.
        device: As torch names devices, or auto.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    released = tensors(read_checkpoint(file), file, "encoder")
    used = {name: value for name, value in released.items() if not is_unused(name)}
    state = renamed(used, partial(new_prefix, _RENAMED), file)
    # A copy: the file is mapped read-only.
    state["centroids"] = torch.from_numpy(np.array(centroids))
    _check_sizes(state, file)
    return SemantiCodec(card, fill(SemantiNetwork(state), state, file, device), find_decoder)


def _check_sizes(state: dict[str, Tensor], file: Path) -> None:
    """Refuse the other rates: 50 and 25 tokens a second describe 2 and 4 patches by one code."""
    try:
        state["codebook"] = state["codebook"].flatten(0, -2)  # some versions have an axis of heads
        width = state["vit.cls_token"].shape[-1]
        found = tuple(tuple(state[name].shape) for name in ("centroids", "codebook"))
    except (KeyError, IndexError) as error:
        raise wrong_checkpoint(file, f"there is no {error}") from error
    wanted = tuple((size, width) for size in _FACTS.sizes)
    if found != wanted:
        raise CodecError(
            f"{file}: not the encoder of 100 tokens a second",
            why=f"its codebooks are {found[0]} and {found[1]}, not {wanted[0]} and {wanted[1]}",
            fix="use semanticodec_tokenrate_100, and codebook_8192_0.npy of combine_512",
        )


def is_unused(name: str) -> bool:
    """Whether a weight of the released encoder served its training alone."""
    return _UNUSED.match(name) is not None


def mel_windows(track: Audio) -> NDArray[np.float32]:
    """Return a track in windows, (W, 1024, 128) float32, W = ceil(N / 163840).

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
    levels = F.pad(levels, (0, 0, 0, frames - len(levels)))
    windows = ((levels - _MEAN) / (2 * _DEVIATION)).view(-1, FRAMES, BANDS)
    return windows[: -(-len(track) // WINDOW)].numpy()


def sounding_positions(windows: Tensor) -> Tensor:
    """Count a window's positions, of 512, before the silence at its end, (W,) int64.

    Args:
        windows: (W, 1024, 128).
    """
    sounds = windows.std(dim=-1) > 1e-7
    numbers = torch.arange(1, FRAMES + 1, device=windows.device)
    last = (sounds * numbers).amax(dim=1)
    last[sounds.sum(dim=1) == 1] = 0  # the original's slip over a window with one such frame
    return (last + 1) // 2


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
        mixed = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.attn["proj"](mixed.transpose(1, 2).reshape(x.shape))
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
        outputs = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number >= _FIRST_AVERAGED:
                outputs.append(self.norm(x))
        return torch.stack(outputs).mean(dim=0)[:, 1:]


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
        """Encode log-mel windows (W, 1024, 128), W at most ``TOGETHER``: (W, 2, 512) int64."""
        features = self.vit(_pad_windows(windows))[: len(windows)]
        semantic = _nearest_rows(features, self.centroids)
        x = torch.cat([features, self.centroids[semantic]], dim=-1)
        numbers = torch.arange(x.shape[1], device=x.device)
        silent = numbers >= sounding_positions(windows)[:, None]
        x = x.masked_fill(silent[..., None], -1.0)
        residual = self.project(self.lstm(_pad_windows(x))[0])[: len(windows)]
        acoustic = _nearest_rows(residual, self.codebook)
        return torch.stack([semantic, acoustic], dim=1)

    def features(self, codes: Tensor) -> Tensor:
        """Return what the decoder reads for codes (2, T): (T, 2 * width)."""
        return torch.cat([self.codebook[codes[1]], self.centroids[codes[0]]], dim=-1)


def _pad_windows(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 0, 0, 0, TOGETHER - len(x)))


def _nearest_rows(x: Tensor, table: Tensor) -> Tensor:
    """Return the rows of a table that are nearest to x (W, T, width): (W, T) int64.

    Window by window: the distances to all rows are large.
    """
    squares = table.pow(2).sum(dim=1)
    return torch.stack(
        [(row.pow(2).sum(1, keepdim=True) + squares - 2 * (row @ table.T)).argmin(1) for row in x]
    )

"""The semanticodec codec: windows through the encoder, codes through the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from yue.codecs.base import Audio, Codes, check_audio
from yue.codecs.card import CodecCard
from yue.codecs.codec_weights import missing
from yue.codecs.original_weights import fill, read_checkpoint, renamed, tensors, wrong_checkpoint
from yue.codecs.semanticodec import DECODER, ENCODER, NAME, SIZES, fetch_command, read_centroids
from yue.codecs.semanticodec_encoder import (
    TOGETHER,
    SemantiNetwork,
    is_unused,
    mel_windows,
    new_name,
)
from yue.codecs.torch_codec import TorchCodec
from yue.errors import CodecError

if TYPE_CHECKING:
    from yue.codecs.semanticodec_decoder import SemantiDecoder

_BYTES_A_WINDOW = 100_000_000


class SemantiCodec(TorchCodec):
    """The codec. Each window of 10.24 s is encoded by itself.

    Args:
        card: What it is.
        network: Its encoder, on the device.
        path: The folder of its weights, where its decoder is found when it is first needed.
    """

    align = 8
    together = TOGETHER

    def __init__(self, card: CodecCard, network: SemantiNetwork, path: Path) -> None:
        super().__init__(card, network)
        self._network, self._path = network, path

    def encode_tracks(self, tracks: Sequence[Audio]) -> list[Codes]:
        """Encode tracks of any lengths, (K, T) int16 each, in whole columns of 8 frames.

        The original adds a column of silence to a track that is a whole number of columns.

        Raises:
            CodecError: A track is empty, or has samples that are not finite.
        """
        for track in tracks:
            check_audio(track)
        windows = [mel_windows(track.astype(np.float32, copy=False)) for track in tracks]
        codes = self._checked(self._encode(np.concatenate(windows))).astype(np.int16)
        ends = np.cumsum([len(part) for part in windows])
        column = self.align * self.card.hop
        return [
            np.concatenate(part, axis=1)[:, : -(-len(track) // column) * self.align]
            for track, part in zip(tracks, np.split(codes, ends[:-1]), strict=True)
        ]

    def batch_bytes(self, seconds: float) -> float:
        """Memory that a window takes while it is encoded."""
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
        if codebooks < len(SIZES):
            raise CodecError(
                "one codebook of semanticodec cannot be made audio",
                why="its decoder reads a semantic and an acoustic code for each frame",
                fix="keep both: codec.codebooks and tokens.codebooks 2",
            )
        _ = self.decoder

    @cached_property
    def decoder(self) -> SemantiDecoder:
        """The decoder; raises as :meth:`ready_to_decode` does."""
        file = self._path / DECODER
        if not file.is_file():
            fetch = fetch_command(self._path)
            raise missing(self._path, NAME, f"there is no {DECODER}, which makes audio", fetch)
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


def load_semanticodec(card: CodecCard, path: Path, device: str) -> SemantiCodec:
    """Load the encoder of a folder, every weight of it.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    file = path / ENCODER
    released = tensors(read_checkpoint(file), file, "encoder")
    used = {name: value for name, value in released.items() if not is_unused(name)}
    state = renamed(used, new_name, file)
    # A copy: the file is mapped read-only.
    state["centroids"] = torch.from_numpy(np.array(read_centroids(path)))
    _check_sizes(state, file)
    return SemantiCodec(card, fill(SemantiNetwork(state), state, file, device), path)


def _check_sizes(state: dict[str, Tensor], file: Path) -> None:
    """Refuse the other rates: 50 and 25 tokens a second describe 2 and 4 patches by one code."""
    try:
        state["codebook"] = state["codebook"].flatten(0, -2)  # some versions have an axis of heads
        width = state["vit.cls_token"].shape[-1]
        acoustic, semantic = state["codebook"].shape, state["centroids"].shape
    except (KeyError, IndexError) as error:
        raise wrong_checkpoint(file, f"there is no {error}") from error
    if acoustic != (SIZES[1], width) or semantic != (SIZES[0], width):
        raise CodecError(
            f"{file}: not the encoder of 100 tokens a second",
            why=f"its codebooks are {tuple(semantic)} and {tuple(acoustic)}, not "
            f"{(SIZES[0], width)} and {(SIZES[1], width)}",
            fix="use semanticodec_tokenrate_100, and codebook_8192_0.npy of combine_512",
        )

"""The xcodec model, by Transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import XcodecModel

from yue.codecs.card import CodecCard
from yue.codecs.hub_folder import load_model
from yue.codecs.torch_codec import TorchCodec
from yue.codecs.xcodec import is_yue_folder, read_shape
from yue.codecs.xcodec_convert import load_yue_checkpoint
from yue.codecs.xcodec_pieces import PIECE_SECONDS, WINDOW, encode_in_pieces

_BYTES_A_SECOND, _LONG_BYTES_A_SECOND = 30_000_000, 6_000_000  # estimates at full size


class Xcodec(TorchCodec):
    """The codec. A track is encoded whole: its semantic model hears all of it at once.

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
        """Memory that a track takes: pieces at full rate, all of it at 50 frames a second."""
        return min(seconds, PIECE_SECONDS) * _BYTES_A_SECOND + seconds * _LONG_BYTES_A_SECOND

    def _model_encode(self, audio: Tensor) -> Tensor:
        codes: Tensor = self._model.encode(audio[:, None], bandwidth=self._bandwidth).audio_codes
        return codes[:, : self.codebooks]

    def _model_decode(self, codes: Tensor) -> Tensor:
        audio: Tensor = self._model.decode(codes[None]).audio_values[0, 0]
        return audio

    @torch.inference_mode()
    def embed(self, codes: NDArray[np.integer]) -> Tensor:
        """The sum of the vectors of codes (k, T): (D, T), what another decoder can read."""
        indices = torch.from_numpy(codes.astype(np.int64)).to(self._device)
        vectors: Tensor = self._model.quantizer.decode(indices[:, None])[0]
        return vectors


def load_xcodec(card: CodecCard, path: Path, device: str) -> Xcodec:
    """Load the model of a folder in either layout.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    if is_yue_folder(path):
        return Xcodec(card, load_yue_checkpoint(path, read_shape(path), device))
    return Xcodec(card, load_model(XcodecModel, path, device))

"""The DAC model in windows of bounded memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import DacModel

from yue.codecs.card import CodecCard
from yue.codecs.dac import spans
from yue.codecs.hub_folder import load_model
from yue.codecs.torch_codec import TorchCodec

_WINDOW_SECONDS = 20
# A frame hears 8 frames around it when it is encoded, 16 when it is decoded: with that much
# context, windows give what the whole track would.
_CONTEXT = 16


class DacCodec(TorchCodec):
    """The codec.

    Args:
        card: What it is.
        model: Transformers' model.
    """

    def __init__(self, card: CodecCard, model: DacModel) -> None:
        super().__init__(card, model)
        self._model = model
        self.window = int(_WINDOW_SECONDS * card.frame_rate)

    def _model_encode(self, audio: Tensor) -> Tensor:
        hop = self.card.hop
        parts = []
        for start, first, end, stop in spans(audio.shape[1] // hop, self.window, _CONTEXT):
            piece = audio[:, None, start * hop : stop * hop]
            codes = self._model.encode(piece, n_quantizers=self.codebooks).audio_codes
            parts.append(codes[:, : self.codebooks, first - start : end - start])
        return torch.cat(parts, dim=2)

    def _model_decode(self, codes: Tensor) -> Tensor:
        hop = self.card.hop
        parts = []
        for start, first, end, stop in spans(codes.shape[1], self.window, _CONTEXT):
            audio = self._model.decode(audio_codes=codes[None, :, start:stop]).audio_values[0]
            # The 16 kHz model's odd stride leaves the last frame 8 samples short.
            audio = torch.nn.functional.pad(audio, (0, (stop - start) * hop - len(audio)))
            parts.append(audio[(first - start) * hop : (end - start) * hop])
        return torch.cat(parts)


def load_dac(card: CodecCard, path: Path, device: str) -> DacCodec:
    """Load the model of a folder.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    return DacCodec(card, load_model(DacModel, path, device))

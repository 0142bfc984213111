"""The DAC model in windows of bounded memory."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from torch.nn.functional import pad
from transformers import DacModel

from yue.codecs.card import CodecCard
from yue.codecs.dac import descript_file
from yue.codecs.hub_folder import load_model
from yue.codecs.torch_codec import TorchCodec


class DacCodec(TorchCodec):
    """The codec.

    Args:
        card: What it is.
        model: Transformers' model.
    """

    def __init__(self, card: CodecCard, model: DacModel) -> None:
        super().__init__(card, model)
        self._model = model
        self.decode_window = card.window
        # The first layers' 64 channels at full rate, several times over.
        self.bytes_a_second = card.sample_rate * model.config.encoder_hidden_size * 4 * 6

    def _model_encode(self, audio: Tensor) -> Tensor:
        codes: Tensor = self._model.encode(audio[:, None], n_quantizers=self.codebooks).audio_codes
        return codes[:, : self.codebooks]

    def _model_decode(self, codes: Tensor) -> Tensor:
        audio: Tensor = self._model.decode(audio_codes=codes[None]).audio_values[0]
        # The 16 kHz model's odd stride leaves the last frame 8 samples short.
        return pad(audio, (0, codes.shape[1] * self.card.hop - len(audio)))


def load_dac(card: CodecCard, path: Path, device: str) -> DacCodec:
    """Load the model of a folder, in Transformers' layout or descript's.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    file = descript_file(path)
    if file is None:
        return DacCodec(card, load_model(DacModel, path, device))
    from yue.codecs.dac_convert import load_descript_checkpoint

    return DacCodec(card, load_descript_checkpoint(card.name, file, device))

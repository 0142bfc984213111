"""The Descript Audio Codec's model, by Transformers, in windows of bounded memory.

Descript's own checkpoints are read as Transformers' model: the same weights under other names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import pad
from transformers import DacConfig, DacModel

from yue.codecs.card import CodecCard
from yue.codecs.original_weights import (
    empty,
    fill,
    layer_name,
    load_model,
    read_checkpoint,
    renamed,
    tensors,
    wrong_checkpoint,
)
from yue.codecs.torch_codec import TorchCodec

# Descript's names of what a config says, and Transformers'.
_CONFIG_KEYS = {
    "encoder_dim": "encoder_hidden_size",
    "encoder_rates": "downsampling_ratios",
    "decoder_dim": "decoder_hidden_size",
    "n_codebooks": "n_codebooks",
    "codebook_size": "codebook_size",
    "codebook_dim": "codebook_dim",
    "sample_rate": "sampling_rate",
}


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


def load_transformers(card: CodecCard, path: Path, device: str) -> DacCodec:
    """Load a folder in Transformers' layout.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    return DacCodec(card, load_model(DacModel, path, device))


def read_descript(file: Path) -> tuple[DacConfig, dict[str, Tensor]]:
    """Read ``weights_16khz.pth`` or ``weights.pth``: the model's shape, and its weights.

    Raises:
        CodecError: The file is damaged, or holds something else.
    """
    content = read_checkpoint(file)
    try:
        shape = content["metadata"]["kwargs"]
        values = {new: shape[old] for old, new in _CONFIG_KEYS.items() if old in shape}
        config = DacConfig(**values)
    except Exception as error:  # Transformers checks its configs by errors of its own
        raise wrong_checkpoint(
            file, f"its metadata is no shape of a model ({type(error).__name__}: {error})"
        ) from error
    return config, tensors(content.get("state_dict"), file, "state_dict")


def load_descript(
    card: CodecCard, file: Path, config: DacConfig, state: dict[str, Tensor], device: str
) -> DacCodec:
    """Load what :func:`read_descript` read of a file, every weight of it.

    Raises:
        CodecError: The weights are not those of the model.
    """
    model: Any = empty(lambda: DacModel(config))
    return DacCodec(card, fill(model, renamed(state, new_name, file), file, device))


def new_name(name: str) -> str | None:
    """Return Transformers' name of a weight of the original, None if it has none."""
    if name.startswith("encoder.block."):
        return layer_name(name.removeprefix("encoder.block."), "encoder", encoder=True)
    if name.startswith("decoder.model."):
        return layer_name(name.removeprefix("decoder.model."), "decoder", encoder=False)
    return name if name.startswith("quantizer.quantizers.") else None

"""Descript's own checkpoints as Transformers' model: the same weights under other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import DacConfig, DacModel

from yue.codecs.checkpoint import (
    empty,
    fill,
    layer_name,
    read_checkpoint,
    renamed,
    tensors,
    wrong_checkpoint,
)
from yue.codecs.dac import check_shape

_CONFIG = {
    "encoder_dim": "encoder_hidden_size",
    "encoder_rates": "downsampling_ratios",
    "decoder_dim": "decoder_hidden_size",
    "n_codebooks": "n_codebooks",
    "codebook_size": "codebook_size",
    "codebook_dim": "codebook_dim",
    "sample_rate": "sampling_rate",
}


def load_descript_checkpoint(name: str, file: Path, device: str) -> DacModel:
    """Load ``weights_16khz.pth`` or ``weights.pth``, every weight of it.

    Args:
        name: dac16k or dac44k.
        file: The checkpoint: ``state_dict``, and the model's shape in ``metadata``.
        device: As torch names devices, or auto.

    Raises:
        CodecError: The file is damaged, of the other model, or its weights are not those of it.
    """
    content = read_checkpoint(file)
    try:
        shape = content["metadata"]["kwargs"]
        values: dict[str, Any] = {new: shape[old] for old, new in _CONFIG.items() if old in shape}
        config = DacConfig(**values)
    except Exception as error:  # Transformers checks its configs by errors of its own
        raise wrong_checkpoint(
            file, f"its metadata is no shape of a model ({type(error).__name__}: {error})"
        ) from error
    check_shape(name, config.to_dict(), file)
    state = tensors(content.get("state_dict"), file, "state_dict")
    model = empty(lambda: DacModel(config))
    return fill(model, renamed(state, new_name, file), file, device)


def new_name(name: str) -> str | None:
    """Transformers' name of a weight of the original, None if it has none."""
    if name.startswith("encoder.block."):
        return layer_name(name.removeprefix("encoder.block."), "encoder", encoder=True)
    if name.startswith("decoder.model."):
        return layer_name(name.removeprefix("decoder.model."), "decoder", encoder=False)
    return name if name.startswith("quantizer.quantizers.") else None

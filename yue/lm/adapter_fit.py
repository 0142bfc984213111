"""Whether an adapter was made for a base model, before the weights of either are read."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from yue.errors import GenerationError
from yue.files import read_json
from yue.lm.base_facts import base_digest

RECORD = "run.json"
"""The file beside an adapter's weights that says how ``yue train`` made them."""

_CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

Shape = tuple[int, ...]


def adapter_record(adapter: Path) -> dict[str, Any]:
    """Read an adapter's record; {} where it has none, or one of another program."""
    record = read_json(adapter / RECORD) if (adapter / RECORD).is_file() else None
    return record if isinstance(record, dict) else {}


def check_adapter(path: Path) -> None:
    """Check that ``path`` is a PEFT LoRA folder, without loading it.

    Raises:
        GenerationError: A file is missing, or the adapter is of another kind.
    """
    for name in (_CONFIG, WEIGHTS):
        if not (path / name).is_file():
            raise GenerationError(
                f"no adapter in {path}",
                why=f"{name} is not there",
                fix="train one with `dvc repro train`, or correct the path",
            )
    config = read_json(path / _CONFIG)
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise GenerationError(
            f"{path}: a {kind!r} adapter; only LoRA is supported",
            fix="give the folder of an adapter that `yue train` made (--adapter)",
        )


def check_fit(adapter: Path, base: Path, memory: Path | None = None) -> None:
    """Compare an adapter's weights with a base model's layers, and its record with the model.

    Args:
        adapter: A PEFT folder.
        base: The base model's folder, with a config.json.
        memory: A folder where the digests of its files are remembered (:func:`base_digest`).

    Raises:
        GenerationError: The adapter is missing, damaged, or was made for another model.
    """
    check_adapter(adapter)
    given, wanted = weight_shapes(adapter), _needed_shapes(adapter, base)
    if given != wanted:
        name = min(set(given.items()) ^ set(wanted.items()))[0]
        raise mismatch(
            adapter,
            base,
            f"{name} is {_shape_text(given.get(name))} in the adapter, "
            f"{_shape_text(wanted.get(name))} for this model",
        )
    trained_on = adapter_record(adapter).get("base_digest")
    if trained_on is not None and trained_on != base_digest(base, memory):
        raise mismatch(
            adapter,
            base,
            f"{adapter / RECORD} says that it was trained on other weights (base_digest)",
        )


def weight_shapes(adapter: Path) -> dict[str, Shape]:
    """Read the shape of every weight from the header of the safetensors file.

    Raises:
        GenerationError: It is no such file.
    """
    path = adapter / WEIGHTS
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return {k: tuple(v["shape"]) for k, v in header.items() if k != "__metadata__"}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise GenerationError(
            f"{path}: not a safetensors file", fix="train the adapter again, or copy it again"
        ) from error


def _needed_shapes(adapter: Path, base: Path) -> dict[str, Shape]:
    """Return what the adapter's configuration makes of the base model, without any weights."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import LlamaConfig, LlamaForCausalLM

    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the model has another name than in training
            model: Any = LlamaForCausalLM(LlamaConfig.from_pretrained(base))
            tuned = get_peft_model(model, LoraConfig.from_pretrained(str(adapter)))
    except (ValueError, TypeError, KeyError) as error:
        raise mismatch(adapter, base, " ".join(str(error).split())[:300]) from error
    # Or PEFT looks for the base model's vocabulary where it was in training, even on the network.
    state = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    return {name: tuple(weight.shape) for name, weight in state.items()}


def _shape_text(shape: Shape | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape))


def mismatch(adapter: Path, base: Path, why: str) -> GenerationError:
    """Build the error of an adapter that was made for another model."""
    return GenerationError(
        f"the adapter in {adapter} does not fit the base model in {base}",
        why=why,
        fix="give the base model that the adapter was trained on (model.path, --model)",
    )

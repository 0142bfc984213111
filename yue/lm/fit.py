"""Whether an adapter was made for a base model, before the weights of either are read."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from yue.errors import GenerationError
from yue.files import read_json
from yue.lm.base import base_digest
from yue.lm.tuned import ADAPTER_WEIGHTS, check_adapter, mismatch

_RECORD = "run.json"


def check_fit(adapter: Path, base: Path, memory: Path | None = None) -> None:
    """Hold an adapter's weights to the layers of a base model, and its record to the model itself.

    Args:
        adapter: A PEFT folder.
        base: The base model's folder, with a config.json.
        memory: A folder where the digests of its files are remembered (:func:`base_digest`).

    Raises:
        GenerationError: The adapter is missing, damaged, or was made for another model.
    """
    check_adapter(adapter)
    given, wanted = _shapes(adapter), _wanted(adapter, base)
    if given != wanted:
        name = min(set(given.items()) ^ set(wanted.items()))[0]
        raise mismatch(
            adapter,
            base,
            f"{name} is {_words(given.get(name))} in the adapter, {_words(wanted.get(name))} for "
            "this model",
        )
    record = read_json(adapter / _RECORD) if (adapter / _RECORD).is_file() else {}
    trained_on = record.get("base_digest") if isinstance(record, dict) else None
    if trained_on is not None and trained_on != base_digest(base, memory):
        raise mismatch(
            adapter,
            base,
            f"{adapter / _RECORD} says that it was trained on other weights (base_digest)",
        )


def _shapes(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Of every weight, from the header of the safetensors file."""
    path = adapter / ADAPTER_WEIGHTS
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return {k: tuple(v["shape"]) for k, v in header.items() if k != "__metadata__"}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise GenerationError(
            f"{path}: not a safetensors file", fix="train the adapter again, or copy it again"
        ) from error


def _wanted(adapter: Path, base: Path) -> dict[str, tuple[int, ...]]:
    """What the adapter's configuration makes of the base model, without any weights."""
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


def _words(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape))

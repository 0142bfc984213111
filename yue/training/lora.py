"""The adapter: put into the base model, and written out as PEFT reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yue.errors import TrainingError
from yue.files import write_json
from yue.recipe.model import Lora
from yue.training import pissa
from yue.training.targets import TARGETS, target_names


def add_adapter(base: Any, lora: Lora, *, base_path: str, seed: int) -> Any:
    """Freeze a base model and put LoRA layers into it.

    Args:
        base: The causal language model.
        lora: The recipe's section.
        base_path: The base model's path as the recipe has it, for whoever loads the adapter.
        seed: Of the adapter's first weights.

    Returns:
        The PEFT model.

    Raises:
        TrainingError: A named layer is no layer of the blocks.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    names = target_names(lora)
    if unknown := sorted(set(names) - set(TARGETS)):
        raise TrainingError(
            f"lora.target_modules: no layer '{unknown[0]}' to adapt",
            fix=f"choose from {', '.join(TARGETS)}, or all-linear for all of them",
        )
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        init_lora_weights=pissa.INIT if lora.init == "pissa" else True,
        target_modules=sorted(names),
        modules_to_save=sorted(lora.modules_to_save) or None,
    )
    # In the base's own type: PEFT would keep the adapter in float32, and with it a second copy of
    # every input. The optimizer has float32 masters.
    model = get_peft_model(base, config, autocast_adapter_dtype=False)
    # PEFT notes the path that the weights were loaded from, which is this machine's.
    model.peft_config["default"].base_model_name_or_path = base_path
    return model


def write_adapter(
    model: Any, weights: dict[str, Tensor], folder: Path, first: dict[str, Tensor] | None = None
) -> None:
    """Write a PEFT folder: ``adapter_config.json`` and ``adapter_model.safetensors``.

    Args:
        model: The PEFT model.
        weights: The adapter's full weights by parameter name of ``model``.
        folder: A folder to write into.
        first: The adapter's first weights, where they were not zero (see :mod:`.pissa`).
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    if first:
        weights = pissa.difference(weights, first)
    state = get_peft_model_state_dict(model, state_dict=weights, save_embedding_layers=False)
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    file = folder / "adapter_model.safetensors"
    save_file(tensors, file, metadata={"format": "pt"})
    file.chmod(0o644)  # it comes as 0600
    config = dict(model.peft_config["default"].to_dict(), inference_mode=True)
    if first:
        config = pissa.plain_config(config)
    # Sets have no order of their own; the same adapter is to be the same bytes.
    plain = json.loads(json.dumps(config, default=lambda value: sorted(value), sort_keys=True))
    plain["target_modules"] = sorted(plain["target_modules"])
    write_json(folder / "adapter_config.json", plain)

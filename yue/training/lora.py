"""The adapter: put into the base model, started by PiSSA, written out as PEFT reads it.

PiSSA starts an adapter from the principal components of the weights it adapts. PEFT moves those out
of the base model into the adapter, so the adapter fits only that changed model. What is written is
an ordinary adapter instead: the difference to the start, of twice the rank, for the base model as
it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yue.costs.memory import TARGETS, target_names
from yue.errors import TrainingError
from yue.files import write_json
from yue.recipe.model import Lora

INIT = "pissa_niter_16"
"""PEFT's name: a randomised decomposition, seconds where an exact one takes many minutes."""

_A, _B = ".lora_A.", ".lora_B."


def first_weights(model: Any) -> dict[str, Tensor]:
    """Return the adapter's weights by parameter name, as they are now."""
    return {
        name: weight.detach().float().cpu().clone()
        for name, weight in model.named_parameters()
        if _A in name or _B in name
    }


def difference(weights: dict[str, Tensor], first: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an adapter of twice the rank that adds ``B A - B0 A0``; ``first`` are A0 and B0."""
    return {
        name: torch.cat([weight, first[name]], dim=0)
        if _A in name
        else torch.cat([weight, -first[name]], dim=1)
        if _B in name
        else weight
        for name, weight in weights.items()
    }


def plain_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of such an adapter: the same scale at twice the rank."""
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / (rank**0.5 if config["use_rslora"] else rank)
    changes = {"r": 2 * rank, "lora_alpha": scale * 2 * rank}
    return {**config, **changes, "use_rslora": False, "init_lora_weights": True}


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
        init_lora_weights=INIT if lora.init == "pissa" else True,
        target_modules=sorted(names),
        modules_to_save=sorted(lora.modules_to_save) or None,
    )
    # In the base's own type: PEFT would keep the adapter in float32, and with it a second copy of
    # every input, 255 KiB a token and block in place of 153. The optimizer has float32 masters.
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
        first: The adapter's first weights, where they were not zero (PiSSA).
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    if first:
        weights = difference(weights, first)
    state = get_peft_model_state_dict(model, state_dict=weights, save_embedding_layers=False)
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    file = folder / "adapter_model.safetensors"
    save_file(tensors, file, metadata={"format": "pt"})
    file.chmod(0o644)  # it comes as 0600
    config = dict(model.peft_config["default"].to_dict(), inference_mode=True)
    if first:
        config = plain_config(config)
    # Sets have no order of their own; the same adapter is to be the same bytes.
    plain = json.loads(json.dumps(config, default=lambda value: sorted(value), sort_keys=True))
    plain["target_modules"] = sorted(plain["target_modules"])
    write_json(folder / "adapter_config.json", plain)

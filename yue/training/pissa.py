"""PiSSA: an adapter that starts from the principal components of the weights it adapts.

PEFT moves those components out of the base model into the adapter, so the adapter fits only that
changed model. What is written is an ordinary adapter instead: the difference to the start, of
twice the rank, for the base model as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

INIT = "pissa_niter_16"
"""PEFT's name: a randomised decomposition, seconds where an exact one takes many minutes."""

_A, _B = ".lora_A.", ".lora_B."


def first_weights(model: Any) -> dict[str, Tensor]:
    """The adapter's weights by parameter name, as they are now."""
    return {
        name: weight.detach().float().cpu().clone()
        for name, weight in model.named_parameters()
        if _A in name or _B in name
    }


def difference(weights: dict[str, Tensor], first: dict[str, Tensor]) -> dict[str, Tensor]:
    """An adapter of twice the rank that adds ``B A - B0 A0``, where A0 and B0 are ``first``."""
    return {
        name: torch.cat([weight, first[name]], dim=0)
        if _A in name
        else torch.cat([weight, -first[name]], dim=1)
        if _B in name
        else weight
        for name, weight in weights.items()
    }


def plain_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of such an adapter: the same scale at twice the rank."""
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / (rank**0.5 if config["use_rslora"] else rank)
    changes = {"r": 2 * rank, "lora_alpha": scale * 2 * rank}
    return {**config, **changes, "use_rslora": False, "init_lora_weights": True}

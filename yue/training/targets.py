"""Which linear layers get an adapter."""

from __future__ import annotations

from yue.recipe.model import Lora

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a block."""


def target_names(lora: Lora) -> tuple[str, ...]:
    """The names that ``lora.target_modules`` stands for."""
    return TARGETS if lora.target_modules == "all-linear" else tuple(lora.target_modules)

"""Gradient checkpointing: what the backward pass computes again instead of keeping."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

from yue.lm.forward import causal_model

_ATTENTION = (
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_varlen_attn",
    "flex_attention",
)
_PRODUCTS = {"mm": 0, "addmm": 1}  # the place of the left factor in the arguments


def set_checkpointing(model: Any, mode: str) -> None:
    """Turn gradient checkpointing on in a model, plain or PEFT-wrapped.

    Args:
        model: The model; it must be in training mode for this to matter.
        mode: "none"; "selective" keeps what attention and the base's matrix products give and
            computes norms, activations and the adapters' thin products again; "full" keeps only
            the input of each block.
    """
    if mode == "none":
        return
    options: dict[str, Any] = {"use_reentrant": False}
    causal = causal_model(model)
    if mode == "selective":
        keep = partial(_keep, causal.config.hidden_size // 2)
        options["context_fn"] = partial(create_selective_checkpoint_contexts, keep)
    causal.activation_checkpointing_enable(options)


def _keep(depth: int, _: Any, operation: Any, *arguments: Any, **__: Any) -> CheckpointPolicy:
    """Keep attention, and products whose every number costs at least ``depth`` multiplications."""
    name = operation.__name__.split(".")[0]
    place = _PRODUCTS.get(name)
    deep = place is not None and arguments[place].shape[-1] >= depth
    # LoRA's first product is deep too, and the narrowest of all.
    kept = deep or name in _ATTENTION
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE

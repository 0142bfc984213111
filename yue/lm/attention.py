"""Causal attention inside each piece of a packed sequence, without a mask.

Transformers calls :func:`packed_attention` under the name :data:`NAME`; a back-end does the work
(:mod:`yue.lm.backends`). No query ever meets a key of a later position or of another piece, and no
(sequence x sequence) mask exists.
"""

from __future__ import annotations

from typing import Any

import torch

from yue.lm.backends import BACKENDS, Choice, choose_backend
from yue.lm.pieces import Pieces

NAME = "yue_packed"


def use_packed_attention(model: Any) -> None:
    """Make a Transformers model attend inside pieces only, from now on.

    The model then needs the pieces: call it through :func:`yue.lm.forward.hidden_states`.
    """
    if model.config._attn_implementation != NAME:
        from transformers import AttentionInterface

        # No mask function is registered under this name, so that Transformers makes no mask.
        AttentionInterface.register(NAME, packed_attention)
        model.set_attn_implementation(NAME)


def backend_of(model: Any) -> Choice:
    """The back-end for a Llama model where it is."""
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    weight = model.model.norm.weight
    return choose_backend(
        weight.device, weight.dtype, config.num_attention_heads, config.num_key_value_heads, size
    )


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    pieces: Pieces | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one packed sequence.

    Args:
        module: The attention layer; not used.
        query: (1, heads, N, size).
        key: (1, key-value heads, N, size); each serves heads / key-value heads queries, unrepeated.
        value: Like ``key``.
        attention_mask: Must be None.
        scaling: Factor of the scores.
        dropout: Must be 0, as in every YuE model.
        pieces: Where pieces lie, and the back-end.

    Returns:
        (1, N, heads, size), and None for the weights.
    """
    if pieces is None or attention_mask is not None or dropout:
        raise RuntimeError(
            "packed attention needs the boundaries of pieces: use yue.lm.forward.hidden_states"
        )
    return BACKENDS[pieces.backend](query, key, value, pieces, scaling), None

"""Causal attention inside each piece of a packed sequence, without a mask.

Transformers calls :func:`packed_attention` under the name :data:`NAME`. Every piece is one call of
scaled dot product attention with ``is_causal``: no query ever meets a key of a later position or
of another piece, no (sequence x sequence) mask exists, and the fused kernels apply.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F

NAME = "yue_packed"


def use_packed_attention(model: Any) -> None:
    """Make a Transformers model attend inside pieces only, from now on.

    The model then needs the boundaries of its pieces: call it through
    :func:`yue.lm.forward.hidden_states`.
    """
    if model.config._attn_implementation != NAME:
        from transformers import AttentionInterface

        # No mask function is registered under this name, so that Transformers makes no mask.
        AttentionInterface.register(NAME, packed_attention)
        model.set_attn_implementation(NAME)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    boundaries: tuple[int, ...] | None = None,
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
        dropout: Share of attention weights to drop.
        boundaries: Where pieces start, and N at the end.

    Returns:
        (1, N, heads, size), and None for the weights.
    """
    if boundaries is None or attention_mask is not None:
        raise RuntimeError("packed attention needs boundaries: use yue.lm.forward.hidden_states")
    pieces = [
        F.scaled_dot_product_attention(
            query[:, :, start:end],
            key[:, :, start:end],
            value[:, :, start:end],
            dropout_p=dropout,
            is_causal=True,
            scale=scaling,
            enable_gqa=key.shape[1] != query.shape[1],
        )
        for start, end in pairwise(boundaries)
    ]
    return torch.cat(pieces, dim=2).transpose(1, 2).contiguous(), None

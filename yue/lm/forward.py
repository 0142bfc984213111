"""The last hidden states of a packed sequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from yue.lm.attention import backend_of, use_packed_attention
from yue.lm.pieces import cut


def hidden_states(model: Any, tokens: Tensor, boundaries: Sequence[int] | Tensor) -> Tensor:
    """Run a Llama model over pieces packed one after the other.

    A piece sees itself only, causally, and its positions start at 0: the result equals running
    each piece alone.

    Args:
        model: A ``LlamaForCausalLM``, plain or wrapped by PEFT. Plain attention is replaced by
            packed attention, for good.
        tokens: Ids, int64, shape (N,).
        boundaries: Where pieces start, and N at the end: rising, from 0.

    Returns:
        Shape (N, hidden), after the final norm: what the output layer reads.
    """
    marks = tuple(int(mark) for mark in boundaries)
    if marks[0] != 0 or marks[-1] != len(tokens) or any(a >= b for a, b in pairwise(marks)):
        raise ValueError(f"boundaries {marks} do not divide {len(tokens)} tokens")
    causal = causal_model(model)
    use_packed_attention(causal)
    positions = torch.cat(
        [torch.arange(end - start, device=tokens.device) for start, end in pairwise(marks)]
    )
    pieces = cut(marks, backend_of(causal).name, tokens.device)
    output = causal.model(
        input_ids=tokens[None], position_ids=positions[None], use_cache=False, pieces=pieces
    )
    return output.last_hidden_state[0]  # type: ignore[no-any-return]


def output_head(model: Any) -> nn.Linear:
    """The output layer that is in use, of a plain or PEFT-wrapped model."""
    head = causal_model(model).lm_head
    if not hasattr(head, "modules_to_save"):
        return head  # type: ignore[no-any-return]
    # PEFT holds the layer as it was beside the one that is trained whole.
    return (  # type: ignore[no-any-return]
        head.original_module if head.disable_adapters else head.modules_to_save["default"]
    )


def causal_model(model: Any) -> Any:
    """The ``LlamaForCausalLM`` inside; adapter layers stay in it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model

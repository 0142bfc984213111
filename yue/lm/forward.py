"""The forward pass over a packed sequence: what it keeps, recomputes and compiles.

Gradient checkpointing computes activations again in the backward pass instead of keeping them.
Compiled blocks do elementwise work in few kernels, and keep less of it for the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

from yue.lm import attention
from yue.lm.attention import backend_of, use_packed_attention
from yue.lm.packed_pieces import make_pieces


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
    pieces = make_pieces(marks, backend_of(causal).name, tokens.device)
    output = causal.model(
        input_ids=tokens[None], position_ids=positions[None], use_cache=False, pieces=pieces
    )
    return output.last_hidden_state[0]  # type: ignore[no-any-return]


def output_head(model: Any) -> nn.Linear:
    """Return the output layer that is in use, of a plain or PEFT-wrapped model."""
    head = causal_model(model).lm_head
    if not hasattr(head, "modules_to_save"):
        return head  # type: ignore[no-any-return]
    # PEFT holds the layer as it was beside the one that is trained whole.
    return (  # type: ignore[no-any-return]
        head.original_module if head.disable_adapters else head.modules_to_save["default"]
    )


def causal_model(model: Any) -> Any:
    """Return the ``LlamaForCausalLM`` inside; adapter layers stay in it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


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
        keep = partial(_policy_of, causal.config.hidden_size // 2)
        options["context_fn"] = partial(create_selective_checkpoint_contexts, keep)
    causal.activation_checkpointing_enable(options)


def _policy_of(depth: int, _: Any, operation: Any, *arguments: Any, **__: Any) -> CheckpointPolicy:
    """Keep attention, and products whose every number costs at least ``depth`` multiplications."""
    name = operation.__name__.split(".")[0]
    place = _PRODUCTS.get(name)
    deep = place is not None and arguments[place].shape[-1] >= depth
    # LoRA's first product is deep too, and the narrowest of all.
    kept = deep or name in _ATTENTION
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE


def compile_blocks(model: Any, *, backend: str = "inductor") -> None:
    """Compile every block of a Llama model, plain or PEFT-wrapped: one program for all of them.

    Args:
        model: The model; its gradient checkpointing is already set.
        backend: Of ``torch.compile``.
    """
    from torch._dynamo import config

    config.suppress_errors = True  # a block that cannot be compiled runs as it is
    # The places of pieces are different in every row: a compiler would start again with each.
    attention.BACKENDS["sdpa"] = torch.compiler.disable(attention.by_piece)  # type: ignore[no-untyped-call]
    for layer in causal_model(model).model.layers:
        layer.compile(backend=backend)

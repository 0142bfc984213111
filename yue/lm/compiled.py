"""Compiled blocks: elementwise work in few kernels, and less of it kept for the backward pass."""

from __future__ import annotations

from typing import Any

import torch

from yue.lm import backends
from yue.lm.forward import causal_model


def compile_blocks(model: Any, *, backend: str = "inductor") -> None:
    """Compile every block of a Llama model, plain or PEFT-wrapped: one program for all of them.

    Args:
        model: The model; its gradient checkpointing is already set.
        backend: Of ``torch.compile``.
    """
    from torch._dynamo import config

    config.suppress_errors = True  # a block that cannot be compiled runs as it is
    # The places of pieces are different in every row: a compiler would begin anew with each.
    backends.BACKENDS["sdpa"] = torch.compiler.disable(backends.by_piece)  # type: ignore[no-untyped-call]
    for layer in causal_model(model).model.layers:
        layer.compile(backend=backend)

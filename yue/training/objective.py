"""The module that DeepSpeed wraps: packed tokens in, losses of the labelled tokens out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from yue.lm.forward import hidden_states, output_head
from yue.lm.head import distinct_head
from yue.lm.loss import token_losses


class Objective(nn.Module):
    """Token losses of a model with adapters.

    Args:
        model: The PEFT-wrapped causal language model; its output layer is frozen.
        sharded: Whether DeepSpeed will shard the weights (ZeRO 3).
    """

    def __init__(self, model: Any, *, sharded: bool) -> None:
        super().__init__()
        self.model = model
        self._sharded = sharded
        head = output_head(model)
        # The copy is no parameter of this module: it never learns and is never sharded or saved.
        self._head = (head,) if sharded else (distinct_head(head),)

    def forward(self, tokens: Tensor, boundaries: tuple[int, ...], targets: Tensor) -> Tensor:
        """Losses of the labelled tokens, float32, shape (M,); see :func:`token_losses`."""
        hidden = hidden_states(self.model, tokens, boundaries)
        head = self._head[0]
        if not self._sharded:
            return token_losses(hidden, head, targets)
        import deepspeed

        # The head's weight is read past the head's own forward, where ZeRO 3 would gather it.
        # Under a frozen head backward does not read it again.
        with deepspeed.zero.GatheredParameters([head.weight]):
            return token_losses(hidden, head, targets)

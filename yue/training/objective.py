"""The module that DeepSpeed wraps: packed tokens in, losses of the labelled tokens out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from yue.lm.forward import hidden_states, output_head
from yue.lm.head import DistinctHead, distinct_head
from yue.lm.loss import token_losses


class Objective(nn.Module):
    """Token losses of a model with adapters.

    Args:
        model: The PEFT-wrapped causal language model.
        sharded: Whether DeepSpeed will shard the weights (ZeRO 3).
        kernel: Of the loss, see :func:`token_losses`.
    """

    def __init__(self, model: Any, *, sharded: bool, kernel: str = "eager") -> None:
        super().__init__()
        self.model = model
        head = output_head(model)
        if sharded:
            self.loss: nn.Module = _ShardedLoss(head, kernel)
        else:
            self.loss = _Loss(head if head.weight.requires_grad else distinct_head(head), kernel)

    def forward(self, tokens: Tensor, boundaries: tuple[int, ...], targets: Tensor) -> Tensor:
        """Losses of the labelled tokens, float32, shape (M,); see :func:`token_losses`."""
        losses: Tensor = self.loss(hidden_states(self.model, tokens, boundaries), targets)
        return losses


class _Loss(nn.Module):
    def __init__(self, head: nn.Linear | DistinctHead, kernel: str) -> None:
        super().__init__()
        self._kernel = kernel
        self._head = (head,)  # in a tuple, so that it is no second parameter of this module

    def forward(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return token_losses(hidden, self._head[0], targets, kernel=self._kernel)


class _ShardedLoss(nn.Module):
    """The same, as a module that owns the head's weight: ZeRO 3 gathers it around forward.

    Backward does not read a frozen head again.
    """

    def __init__(self, head: nn.Linear, kernel: str) -> None:
        super().__init__()
        self._kernel = kernel
        self.weight = head.weight

    def forward(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return token_losses(hidden, self, targets, kernel=self._kernel)

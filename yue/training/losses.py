"""The module that DeepSpeed wraps: packed tokens in, losses of the labelled tokens out.

Their sums by role stay on the device and are read at logging steps only: reading waits for the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from yue.distributed import World
from yue.lm.forward import hidden_states, output_head
from yue.lm.loss import DistinctHead, distinct_head, token_losses
from yue.tokens.roles import Role


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
        """Return losses of the labelled tokens, float32, shape (M,); see :func:`token_losses`."""
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


_SLOTS = max(Role) + 1


@dataclass(frozen=True)
class Losses:
    """Mean losses in nats a token.

    Attributes:
        tokens: How many tokens they are means of.
        mean: Over all tokens; NaN where there are none.
        roles: By role, where there are tokens of it.
    """

    tokens: int
    mean: float
    roles: dict[str, float]


class Tally:
    """Adds up token losses by role.

    Args:
        device: Where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        # Double: a sum of millions of losses in single precision loses the last ones.
        self._sums = torch.zeros(_SLOTS, dtype=torch.float64, device=device)
        self._counts = torch.zeros(_SLOTS, dtype=torch.float64, device=device)

    def add(self, losses: Tensor, roles: Tensor) -> None:
        """Add losses (M,) of tokens with roles (M,)."""
        self._sums.index_add_(0, roles, losses.double())
        self._counts.index_add_(0, roles, torch.ones_like(losses, dtype=torch.float64))

    def total(self, world: World) -> list[float]:
        """Return sums and counts of all processes since the last :meth:`take`, for a checkpoint."""
        return world.sum([*self._sums.tolist(), *self._counts.tolist()])

    def restore(self, total: list[float]) -> None:
        """Go on from a :meth:`total`; one process of all does."""
        sums, counts = torch.tensor(total, dtype=torch.float64).chunk(2)
        self._sums += sums.to(self._sums.device)
        self._counts += counts.to(self._counts.device)

    def take(self, world: World) -> Losses:
        """Return the means over all processes since the last call; every process must call it."""
        values = self.total(world)
        sums, counts = values[:_SLOTS], values[_SLOTS:]
        self._sums.zero_()
        self._counts.zero_()
        tokens = sum(counts)
        return Losses(
            tokens=int(tokens),
            mean=sum(sums) / tokens if tokens else float("nan"),
            roles={
                role.name.lower(): sums[role] / counts[role] for role in Role if counts[role] > 0
            },
        )

"""Sums of losses by role, kept on the device and read rarely."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from yue.tokens.roles import Role
from yue.training.world import World

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
        """Sums and counts over all processes since the last :meth:`take`, for a checkpoint."""
        return world.sum([*self._sums.tolist(), *self._counts.tolist()])

    def restore(self, total: list[float]) -> None:
        """Go on from a :meth:`total`; one process of all does."""
        sums, counts = torch.tensor(total, dtype=torch.float64).chunk(2)
        self._sums += sums.to(self._sums.device)
        self._counts += counts.to(self._counts.device)

    def take(self, world: World) -> Losses:
        """The means over all processes since the last call; every process must call it."""
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

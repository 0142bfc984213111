"""Sums of losses by role."""

from __future__ import annotations

import math

import pytest
import torch

from yue.distributed import World
from yue.tokens.roles import Role
from yue.training.losses import Tally

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


def test_means_are_over_tokens_and_start_again_when_taken() -> None:
    tally = Tally(ALONE.device)
    vocal, instrumental = int(Role.VOCAL), int(Role.INSTRUMENTAL)
    tally.add(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([vocal, vocal, instrumental]))
    tally.add(torch.tensor([3.0]), torch.tensor([vocal]))
    losses = tally.take(ALONE)
    assert losses.tokens == 4
    assert losses.mean == pytest.approx(3.0)
    assert losses.roles == pytest.approx({"vocal": 2.0, "instrumental": 6.0})
    empty = tally.take(ALONE)
    assert (empty.tokens, empty.roles) == (0, {})
    assert math.isnan(empty.mean)


def test_many_small_losses_are_summed_exactly() -> None:
    tally = Tally(ALONE.device)
    roles = torch.full((1000,), int(Role.VOCAL))
    for _ in range(1000):
        tally.add(torch.full((1000,), 0.1), roles)
    assert tally.take(ALONE).mean == pytest.approx(0.1, rel=1e-7)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_place(role: Role) -> None:
    tally = Tally(ALONE.device)
    tally.add(torch.tensor([2.0]), torch.tensor([int(role)]))
    assert tally.take(ALONE).roles == {role.name.lower(): 2.0}

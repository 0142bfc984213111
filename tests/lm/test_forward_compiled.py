"""Compiled blocks: one program for all, exact gradients. On request, the loss by a C++ compiler."""

from __future__ import annotations

import copy
import os

import pytest
import torch
from torch._dynamo.utils import counters

from tests.llama import tiny_llama
from tests.lm.conftest import ROWS
from yue.lm import attention
from yue.lm.forward import compile_blocks, hidden_states
from yue.lm.loss import distinct_head, token_losses


def test_compiled_blocks_are_one_program_and_their_gradients_are_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(attention.BACKENDS, "sdpa", attention.by_piece)  # put back afterwards
    model, tokens = tiny_llama(rows=ROWS), torch.arange(40)
    exact = copy.deepcopy(model).double()
    hidden_states(exact, tokens, [0, 15, 40]).square().sum().backward()
    counters.clear()
    # As traced and differentiated; a C++ compiler would take half a minute.
    compile_blocks(model, backend="aot_eager")
    hidden_states(model, tokens, [0, 15, 40]).square().sum().backward()
    for one, two in zip(model.model.parameters(), exact.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad.double(), two.grad, rtol=1e-3, atol=1e-3)
    assert 0 < counters["stats"]["unique_graphs"] <= 4  # the parts of a block around attention
    assert counters["frames"]["ok"] == counters["frames"]["total"]


@pytest.mark.skipif("YUE_COMPILE" not in os.environ, reason="YUE_COMPILE=1: C++, 20 seconds")
def test_a_compiled_loss_is_exact() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 60, bias=False).requires_grad_(False)
    head.weight[20:] = head.weight[20]
    hidden, targets = torch.randn(30, 16, requires_grad=True), torch.randint(0, 60, (30,))
    losses = token_losses(hidden, distinct_head(head), targets, kernel="compiled")
    losses.sum().backward()
    exact = hidden.detach().double().requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        exact @ head.weight.double().T, targets, reduction="none"
    )
    expected.sum().backward()
    torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(hidden.grad.double(), exact.grad, rtol=1e-4, atol=1e-6)

"""Losses by token against a float64 reference."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from yue.lm import base_facts as chunks_module
from yue.lm import loss as loss_module
from yue.lm.forward import hidden_states
from yue.lm.loss import DistinctHead, distinct_head, token_losses

N, H, V = 50, 16, 211


@pytest.fixture(params=[1 << 25, V * 7, 1], ids=["one chunk", "chunks of 7", "chunks of 1"])
def chunk_logits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks_module, "CHUNK_LOGITS", request.param)


def a_case(*, trained: bool) -> tuple[torch.Tensor, nn.Linear, torch.Tensor]:
    torch.manual_seed(0)
    head = nn.Linear(H, V, bias=False).requires_grad_(trained)
    with torch.no_grad():
        head.weight[50:] = head.weight[50]  # rows never seen in pretraining
        head.weight[100] = head.weight[3]
    targets = torch.randint(0, V, (N,))
    targets[::3] = -100
    return torch.randn(N, H, requires_grad=True), head, targets


def reference(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = hidden.double() @ weight.double().T
    return F.cross_entropy(logits, targets, reduction="none")[targets != -100]


@pytest.mark.usefixtures("chunk_logits")
@pytest.mark.parametrize("kernel", ["eager", "compiled"])
@pytest.mark.parametrize("kind", ["frozen", "distinct", "trained"])
def test_losses_and_gradients_equal_a_float64_reference(
    kind: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is compiled, not what a compiler makes of it: that takes a C++ compiler half a minute.
    monkeypatch.setitem(loss_module._SCORES, "compiled", loss_module._score_without_writing)
    hidden, head, targets = a_case(trained=kind == "trained")
    used = distinct_head(head) if kind == "distinct" else head
    assert isinstance(used, DistinctHead) == (kind == "distinct")
    losses = token_losses(hidden, used, targets, kernel=kernel)
    assert losses.dtype == torch.float32
    weights = torch.rand(len(losses))
    (losses * weights).sum().backward()

    exact = hidden.detach().double().requires_grad_()
    weight = head.weight.detach().double().requires_grad_()
    expected = reference(exact, weight, targets)
    (expected * weights).sum().backward()
    torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(hidden.grad.double(), exact.grad, rtol=1e-4, atol=1e-6)
    assert not hidden.grad[targets == -100].any()
    if kind == "trained":
        torch.testing.assert_close(head.weight.grad.double(), weight.grad, rtol=1e-4, atol=1e-5)


def test_distinct_rows_are_all_the_rows_a_head_has() -> None:
    _, head, _ = a_case(trained=False)
    distinct = distinct_head(head)
    assert isinstance(distinct, DistinctHead)
    assert len(distinct.weight) == 51
    assert torch.equal(distinct.weight[distinct.row_of], head.weight)
    assert distinct.log_counts.exp().sum().item() == pytest.approx(V)


def test_a_head_of_different_rows_is_kept_as_it_is() -> None:
    head = nn.Linear(H, V, bias=False).requires_grad_(False)
    assert distinct_head(head) is head


def test_bfloat16_losses_are_float32_and_near() -> None:
    hidden, head, targets = a_case(trained=False)
    losses = token_losses(hidden.bfloat16(), head.bfloat16(), targets)
    assert losses.dtype == torch.float32
    expected = reference(hidden.bfloat16(), head.weight, targets)
    torch.testing.assert_close(losses.double(), expected, rtol=2e-2, atol=2e-2)


def test_no_labels_give_no_losses_and_no_gradient() -> None:
    hidden, head, targets = a_case(trained=False)
    losses = token_losses(hidden, head, torch.full_like(targets, -100))
    assert losses.shape == (0,)
    losses.sum().backward()
    assert not hidden.grad.any()


def test_random_tokens_never_cost_less_than_their_entropy(llama) -> None:
    # A model that sees the future (or its own target) beats the entropy within a few steps.
    alphabet, length = 16, 64
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(llama.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        tokens = torch.randint(0, alphabet, (2 * length,))
        targets = torch.cat([tokens[1:], torch.tensor([-100])])
        targets[length - 1] = -100
        hidden = hidden_states(llama, tokens, [0, length, 2 * length])
        loss = token_losses(hidden, llama.lm_head, targets).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    entropy = math.log(alphabet)
    settled = sum(losses[-40:]) / 40
    assert entropy - 0.02 < settled < entropy + 0.3

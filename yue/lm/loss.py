"""Cross entropy by token, from hidden states, without all the logits at once.

The vocabulary is large (84 thousand rows and more), so (tokens x vocabulary) logits are by far the
largest thing in training. Rows without a label are dropped before the head; the others pass in
chunks, and a chunk's logits are gone before the next chunk's are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from yue.lm.head import DistinctHead

IGNORE = -100
"""A target that has no loss."""

CHUNK_LOGITS = 2**25
"""Logits that exist at once, in elements."""


class Head(Protocol):
    """An output layer without bias."""

    @property
    def weight(self) -> Tensor:
        """Shape (V, H)."""


def token_losses(hidden: Tensor, head: Head | DistinctHead, targets: Tensor) -> Tensor:
    """Cross entropy of every labelled position, over the whole vocabulary.

    Args:
        hidden: Hidden states, shape (N, H).
        head: The output layer, without bias; or its distinct rows, if it is frozen.
        targets: The token that position n is to predict (already shifted), or -100; int64, (N,).

    Returns:
        Nats, float32, shape (M,): the M labelled positions in order. Differentiable in ``hidden``
        and, when the head is trained, in its weight.
    """
    labelled = targets != IGNORE
    rows, wanted = hidden[labelled], targets[labelled]
    if isinstance(head, DistinctHead):
        return _apply(_Frozen, rows, head.weight, head.row_of[wanted], head.log_counts)
    if head.weight.requires_grad:
        return _apply(_Trained, rows, head.weight, wanted)
    return _apply(_Frozen, rows, head.weight, wanted, None)


def _apply(function: type[torch.autograd.Function], *arguments: Tensor | None) -> Tensor:
    return function.apply(*arguments)  # type: ignore[no-any-return, no-untyped-call]


class _Frozen(torch.autograd.Function):
    """Losses under a frozen head.

    The gradient of a loss in its own hidden state is known while its logits are at hand, and
    backward only scales it: two products with the head instead of three.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, wanted: Tensor, log_counts: Tensor | None
    ) -> Tensor:
        losses = rows.new_empty(len(rows), dtype=_float(rows))
        gradient = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        for chunk in _chunks(len(rows), len(weight)):
            logits = _logits(rows[chunk], weight, log_counts)
            norm = torch.logsumexp(logits, 1)
            losses[chunk] = norm - _picked(logits, wanted[chunk])
            if log_counts is not None:  # the target is one of the rows that its logit stands for
                losses[chunk] += log_counts[wanted[chunk]]
            if gradient is not None:
                errors = _errors(logits, norm, wanted[chunk])
                gradient[chunk] = errors.to(weight.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return (gradient * outer[0][:, None].to(gradient.dtype), None, None, None)


class _Trained(torch.autograd.Function):
    """Losses under a head that learns too; backward makes every chunk's logits again."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, wanted: Tensor) -> Tensor:
        losses = rows.new_empty(len(rows), dtype=_float(rows))
        norms = torch.empty_like(losses)
        for chunk in _chunks(len(rows), len(weight)):
            logits = _logits(rows[chunk], weight, None)
            norms[chunk] = torch.logsumexp(logits, 1)
            losses[chunk] = norms[chunk] - _picked(logits, wanted[chunk])
        ctx.save_for_backward(rows, weight, wanted, norms)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, wanted, norms = ctx.saved_tensors
        of_rows = torch.empty_like(rows)
        of_weight = torch.zeros_like(weight, dtype=_float(weight))
        for chunk in _chunks(len(rows), len(weight)):
            errors = _errors(_logits(rows[chunk], weight, None), norms[chunk], wanted[chunk])
            errors = errors.mul_(outer[0][chunk, None]).to(weight.dtype)
            of_rows[chunk] = errors @ weight
            of_weight += errors.T @ rows[chunk]
        return of_rows, of_weight.to(weight.dtype), None


def _float(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _chunks(rows: int, vocabulary: int) -> Iterator[slice]:
    size = max(CHUNK_LOGITS // vocabulary, 1)
    return (slice(start, start + size) for start in range(0, rows, size))


def _logits(rows: Tensor, weight: Tensor, log_counts: Tensor | None) -> Tensor:
    logits = (rows @ weight.T).to(_float(rows))
    return logits if log_counts is None else logits.add_(log_counts)


def _picked(logits: Tensor, wanted: Tensor) -> Tensor:
    return logits.gather(1, wanted[:, None])[:, 0]


def _errors(logits: Tensor, norm: Tensor, wanted: Tensor) -> Tensor:
    """Probabilities minus one at the target, in the place of the logits."""
    errors = logits.sub_(norm[:, None]).exp_()
    errors[torch.arange(len(errors), device=errors.device), wanted] -= 1
    return errors

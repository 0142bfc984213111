"""Cross entropy by token, from hidden states, without all the logits at once.

The vocabulary is large (84 thousand rows and more), so (tokens x vocabulary) logits are by far the
largest thing in training. Rows without a label are dropped before the head; the others pass in
chunks, and a chunk's logits are gone before the next chunk's are made.

A base model's rows of ids that it never met in pretraining may all be equal (they start equal, and
equal rows get equal gradients). Equal rows give equal logits, so the sum over the vocabulary needs
each distinct row once, weighted by its count: the same loss for less work. In a model whose rows
all differ there is nothing to gain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from yue.lm.base_facts import chunks

_WORTH = 0.8  # share of distinct rows above which gathering them is not worth their memory
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_BLOCK = 4096  # rows


@dataclass(frozen=True)
class DistinctHead:
    """The distinct rows of an output layer.

    Attributes:
        weight: Shape (D, H).
        log_counts: Logarithm of how many rows each stands for, float32, (D,).
        row_of: The distinct row of every id, int64, (V,).
    """

    weight: Tensor
    log_counts: Tensor
    row_of: Tensor


def distinct_head(head: nn.Linear) -> nn.Linear | DistinctHead:
    """Return the distinct rows of a frozen output layer, or the layer where most rows differ."""
    weight = head.weight.detach()
    row_of, first = _group_rows(weight)
    if len(first) > _WORTH * len(weight):
        return head
    counts = torch.bincount(row_of, minlength=len(first))
    return DistinctHead(weight[first].contiguous(), counts.float().log(), row_of)


def _group_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Find the group of every row (V,) and the first row of every group (D,)."""
    generator = torch.Generator().manual_seed(0)
    keys = torch.randint(-(2**62), 2**62, (weight.shape[1],), generator=generator)
    keys = keys.to(weight.device)
    # A hash in place of a sort of whole rows: a sum of products that wraps around, so exact.
    bits = weight.contiguous().view(_BITS[weight.element_size()])
    blocks = range(0, len(weight), _BLOCK)
    sums = torch.cat([(bits[i : i + _BLOCK].long() * keys).sum(1) for i in blocks])
    _, row_of, counts = torch.unique(sums, return_inverse=True, return_counts=True)
    first = torch.argsort(row_of, stable=True)[counts.cumsum(0) - counts]
    if all(torch.equal(bits[i : i + _BLOCK], bits[first[row_of[i : i + _BLOCK]]]) for i in blocks):
        return row_of, first
    everyone = torch.arange(len(weight), device=weight.device)
    return everyone, everyone  # two different rows share a hash: never seen, never joined


IGNORE = -100
"""A target that has no loss."""


class Head(Protocol):
    """An output layer without bias."""

    @property
    def weight(self) -> Tensor:
        """Shape (V, H)."""


def token_losses(
    hidden: Tensor, head: Head | DistinctHead, targets: Tensor, *, kernel: str = "eager"
) -> Tensor:
    """Compute the cross entropy of every labelled position, over the whole vocabulary.

    Args:
        hidden: Hidden states, shape (N, H).
        head: The output layer, without bias; or its distinct rows, if it is frozen.
        targets: The token that position n is to predict (already shifted), or -100; int64, (N,).
        kernel: "eager"; "compiled" reads a chunk's logits twice and never writes them in float32;
            "liger" is the Triton kernel of the package liger-kernel, for a frozen plain head. A
            head that is trained is always eager.

    Returns:
        Nats, float32, shape (M,): the M labelled positions in order. Differentiable in ``hidden``
        and, when the head is trained, in its weight.
    """
    labelled = targets != IGNORE
    rows, wanted = hidden[labelled], targets[labelled]
    if isinstance(head, DistinctHead):
        rows_of = head.row_of[wanted]
        return _apply(_FrozenHeadLoss, rows, head.weight, rows_of, head.log_counts, _SCORES[kernel])
    if head.weight.requires_grad:
        return _apply(_TrainedHeadLoss, rows, head.weight, wanted)
    if kernel == "liger":
        return _apply(_LigerLoss, rows, head.weight, wanted)
    return _apply(_FrozenHeadLoss, rows, head.weight, wanted, None, _SCORES[kernel])


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    return function.apply(*arguments)  # type: ignore[no-any-return, no-untyped-call]


class _FrozenHeadLoss(torch.autograd.Function):
    """Losses under a frozen head.

    The gradient of a loss in its own hidden state is known while its logits are at hand, and
    backward only scales it: two products with the head instead of three.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        wanted: Tensor,
        log_counts: Tensor | None,
        score: Score,
    ) -> Tensor:
        losses = rows.new_empty(len(rows), dtype=_float(rows))
        gradient = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        for chunk in chunks(len(rows), len(weight)):
            products = rows[chunk] @ weight.T
            losses[chunk], errors = score(products, wanted[chunk], log_counts, gradient is not None)
            if gradient is not None and errors is not None:
                gradient[chunk] = errors @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return (gradient * outer[0][:, None].to(gradient.dtype), None, None, None, None)


def _score(
    products: Tensor, wanted: Tensor, log_counts: Tensor | None, with_gradients: bool
) -> tuple[Tensor, Tensor | None]:
    """Score a chunk: losses, and their gradients in its logits, in place to save memory."""
    logits = products.to(_float(products))
    if log_counts is not None:
        logits = logits.add_(log_counts)
    norm = torch.logsumexp(logits, 1)
    losses = norm - _target_logits(logits, wanted)
    if log_counts is not None:  # the target is one of the rows that its logit stands for
        losses += log_counts[wanted]
    return losses, _logit_gradients(logits, norm, wanted).to(
        products.dtype
    ) if with_gradients else None


def _score_without_writing(
    products: Tensor, wanted: Tensor, log_counts: Tensor | None, with_gradients: bool
) -> tuple[Tensor, Tensor | None]:
    """Score a chunk for a compiler, which makes one pass of what is written as many."""
    logits = products.to(_float(products))
    if log_counts is not None:
        logits = logits + log_counts
    norm = torch.logsumexp(logits, 1)
    losses = norm - _target_logits(logits, wanted)
    if log_counts is not None:
        losses = losses + log_counts[wanted]
    if not with_gradients:
        return losses, None
    here = torch.arange(products.shape[1], device=products.device) == wanted[:, None]
    errors = (logits - norm[:, None]).exp() - here.to(logits.dtype)
    return losses, errors.to(products.dtype)


@lru_cache
def _compiled_score() -> Score:
    return torch.compile(_score_without_writing, dynamic=True)


def _score_compiled(*arguments: Any) -> tuple[Tensor, Tensor | None]:
    return _compiled_score()(*arguments)


Score = Callable[[Tensor, Tensor, Tensor | None, bool], tuple[Tensor, Tensor | None]]
# Liger knows no rows that stand for several: those are left to the compiler.
_SCORES: dict[str, Score] = {
    "eager": _score,
    "compiled": _score_compiled,
    "liger": _score_compiled,
}


class _LigerLoss(torch.autograd.Function):
    """Losses under a frozen head by Liger's kernel, which gives the gradients with them.

    Liger's own autograd function would compute everything twice for losses by token.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, wanted: Tensor) -> Tensor:
        from liger_kernel.ops.fused_linear_cross_entropy import fused_linear_cross_entropy_forward

        needed = ctx.needs_input_grad[0]
        losses, _, _, _, gradient, _, _ = fused_linear_cross_entropy_forward(
            rows.detach(), weight, wanted, reduction="none", compute_gradients=needed
        )
        if needed:
            ctx.save_for_backward(gradient)
        return losses  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return (gradient * outer[0][:, None].to(gradient.dtype), None, None)


class _TrainedHeadLoss(torch.autograd.Function):
    """Losses under a head that is trained too; backward makes every chunk's logits again."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, wanted: Tensor) -> Tensor:
        losses = rows.new_empty(len(rows), dtype=_float(rows))
        norms = torch.empty_like(losses)
        for chunk in chunks(len(rows), len(weight)):
            logits = _logits(rows[chunk], weight)
            norms[chunk] = torch.logsumexp(logits, 1)
            losses[chunk] = norms[chunk] - _target_logits(logits, wanted[chunk])
        ctx.save_for_backward(rows, weight, wanted, norms)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, wanted, norms = ctx.saved_tensors
        of_rows = torch.empty_like(rows)
        of_weight = torch.zeros_like(weight, dtype=_float(weight))
        for chunk in chunks(len(rows), len(weight)):
            errors = _logit_gradients(_logits(rows[chunk], weight), norms[chunk], wanted[chunk])
            errors = errors.mul_(outer[0][chunk, None]).to(weight.dtype)
            of_rows[chunk] = errors @ weight
            of_weight += errors.T @ rows[chunk]
        return of_rows, of_weight.to(weight.dtype), None


def _float(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _logits(rows: Tensor, weight: Tensor) -> Tensor:
    return (rows @ weight.T).to(_float(rows))


def _target_logits(logits: Tensor, wanted: Tensor) -> Tensor:
    return logits.gather(1, wanted[:, None])[:, 0]


def _logit_gradients(logits: Tensor, norm: Tensor, wanted: Tensor) -> Tensor:
    """Return probabilities minus one at the target, in the place of the logits."""
    errors = logits.sub_(norm[:, None]).exp_()
    errors[torch.arange(len(errors), device=errors.device), wanted] -= 1
    return errors

"""A frozen output layer with its equal rows computed once.

A base model's rows of ids that it never met in pretraining may all be equal (they start equal, and
equal rows get equal gradients). Equal rows give equal logits, so the sum over the vocabulary needs
each distinct row once, weighted by its count: the same loss for less work. In a model whose rows
all differ there is nothing to gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
    """The distinct rows of a frozen output layer, or the layer itself where most rows differ."""
    weight = head.weight.detach()
    row_of, first = _group(weight)
    if len(first) > _WORTH * len(weight):
        return head
    counts = torch.bincount(row_of, minlength=len(first))
    return DistinctHead(weight[first].contiguous(), counts.float().log(), row_of)


def _group(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The group of every row (V,) and the first row of every group (D,)."""
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

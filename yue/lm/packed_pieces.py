"""Where the pieces of a packed sequence lie, as attention needs to know it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

_BLOCK = 128  # rows and columns of a block, as FlexAttention itself takes


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of one packed sequence.

    Attributes:
        marks: Where pieces start, and the sequence's length at the end.
        backend: The attention back-end, see :mod:`yue.lm.attention`.
        cumulative: ``marks`` on the model's device, int32.
        longest: Length of the longest piece.
    """

    marks: tuple[int, ...]
    backend: str
    cumulative: Tensor
    longest: int

    @cached_property
    def blocks(self) -> Any:
        """FlexAttention's mask, by blocks."""
        return block_mask(self.marks, self.cumulative.device)


def make_pieces(marks: tuple[int, ...], backend: str, device: torch.device) -> Pieces:
    """Put pieces on a device."""
    pieces = Pieces(
        marks=marks,
        backend=backend,
        cumulative=torch.tensor(marks, dtype=torch.int32, device=device),
        longest=max(end - start for start, end in pairwise(marks)),
    )
    if backend == "flex":
        _ = pieces.blocks  # before the forward pass: recomputation must not make it again
    return pieces


def block_mask(marks: tuple[int, ...], device: torch.device | str) -> Any:
    """Make the ``BlockMask`` of causal attention inside each piece.

    FlexAttention's own maker would look at every pair of positions; whole blocks are found
    from where the pieces of their first and last rows start.

    Args:
        marks: Where pieces start, and the sequence's length at the end.
        device: Where the mask goes.
    """
    from torch.nn.attention.flex_attention import BlockMask

    length = marks[-1]
    starts = torch.zeros(length, dtype=torch.int64, device=device)
    for start, end in pairwise(marks):
        starts[start:end] = start
    first = torch.arange(0, length, _BLOCK, device=device)  # first row of each block
    last = (first + _BLOCK - 1).clamp(max=length - 1)
    column = first[None]
    causal = column <= first[:, None]
    met = causal & (column + _BLOCK > starts[first][:, None])
    whole = causal & (column < first[:, None]) & (column >= starts[last][:, None])
    whole &= (first + _BLOCK <= length)[:, None]

    def allowed(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (key >= starts[query])

    partial_count, partial_order = _list_blocks(met & ~whole)
    whole_count, whole_order = _list_blocks(whole)
    return BlockMask.from_kv_blocks(
        partial_count,
        partial_order,
        whole_count,
        whole_order,
        BLOCK_SIZE=_BLOCK,
        mask_mod=allowed,
        seq_lengths=(length, length),
    )


def _list_blocks(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Count the blocks of each row, and put their numbers first in every row."""
    order = torch.argsort(blocks.int(), dim=1, descending=True, stable=True)
    return blocks.sum(1, dtype=torch.int32)[None, None], order.int()[None, None].contiguous()

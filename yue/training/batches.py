"""Which rows each process reads in each step, as tensors.

The rows of all epochs form one endless stream; step s takes rows s * batch_size onwards. So a
step's data is a function of its number, whatever was interrupted before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yue.dataset.rows import IGNORED, PackedRow, PackedRows, targets
from yue.tokens.roles import Role


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """Rows of one forward pass, packed into one sequence.

    Attributes:
        tokens: int64, shape (N,).
        boundaries: Where pieces start, and N.
        targets: The token to predict at each position, or -100; int64, shape (N,).
        roles: :class:`Role` of each target that is not -100, in order; int64, shape (M,).
        songs: The songs in it.
    """

    tokens: Tensor
    boundaries: tuple[int, ...]
    targets: Tensor
    roles: Tensor
    songs: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """One process's share of the rows.

    Attributes:
        rank: Number of the process.
        size: How many there are; divides ``batch_size``.
        batch_size: Rows of a step over all processes.
        micro_batch_size: Most rows of a forward pass.
    """

    rank: int
    size: int
    batch_size: int
    micro_batch_size: int

    @property
    def rows(self) -> int:
        """Rows of a step in this process."""
        return self.batch_size // self.size

    @property
    def micro_batches(self) -> int:
        """Forward passes of a step; the same in every process."""
        return -(-self.rows // self.micro_batch_size)

    def places(self, step: int) -> list[range]:
        """Places in the stream of rows, one range for each forward pass of a step."""
        first = step * self.batch_size + self.rank * self.rows
        size = self.micro_batch_size
        return [
            range(start, min(start + size, first + self.rows))
            for start in range(first, first + self.rows, size)
        ]


class Batches:
    """Micro-batches of a split.

    Args:
        rows: The split's packed rows.
        loss_on: Roles that are learnt.
        device: Where the tensors go.
    """

    def __init__(self, rows: PackedRows, loss_on: Collection[Role], device: torch.device) -> None:
        self._rows, self._loss_on, self._device = rows, loss_on, device

    def step(self, share: Share, step: int) -> list[MicroBatch]:
        """The micro-batches of one process in one training step."""
        return [self._pack([self._at(place) for place in places]) for places in share.places(step)]

    def once(self, rank: int, size: int) -> Iterator[MicroBatch]:
        """One pass over the split, a row at a time, shared between processes.

        Every process gets equally many; one that has run out of rows gets a row without targets,
        so that processes that must meet in every forward pass do.
        """
        count = self._rows.epoch_rows(0)
        for start in range(0, count, size):
            place = start + rank
            if place < count:
                yield self._pack([(0, place)])
            else:
                yield self._pack([(0, 0)], learnt=False)

    def _at(self, place: int) -> tuple[int, int]:
        """Epoch and row of a place in the stream."""
        epoch = 0
        while place >= (count := self._rows.epoch_rows(epoch)):
            place -= count
            epoch += 1
        return epoch, place

    def _pack(self, places: list[tuple[int, int]], *, learnt: bool = True) -> MicroBatch:
        rows = [self._rows.row(epoch, index) for epoch, index in places]
        labels = [targets(row, self._loss_on if learnt else ()) for row in rows]
        roles = [_target_roles(row, label) for row, label in zip(rows, labels, strict=True)]
        offsets = np.cumsum([0, *(len(row.tokens) for row in rows)])
        starts = [
            row.boundaries[:-1] + offset for row, offset in zip(rows, offsets[:-1], strict=True)
        ]
        return MicroBatch(
            tokens=self._tensor([row.tokens for row in rows]),
            boundaries=(*np.concatenate(starts).tolist(), int(offsets[-1])),
            targets=self._tensor(labels),
            roles=self._tensor(roles),
            songs=tuple(
                dict.fromkeys(song for place in places for song in self._rows.songs(*place))
            ),
        )

    def _tensor(self, parts: Sequence[npt.NDArray[np.integer]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.int64)).to(self._device)


def _target_roles(row: PackedRow, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return row.roles[np.flatnonzero(labels != IGNORED) + 1]

"""Which rows each process reads in each step, as tensors where it computes.

The rows of all epochs form one endless stream; step s takes rows s * batch_size onwards. So a
step's data is a function of its number, whatever was interrupted before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yue.dataset.mixture import MixedRows
from yue.dataset.sampler import Share
from yue.dataset.torch_rows import RowDataset
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


class Batches:
    """Micro-batches of a mixture, or of a split.

    Args:
        rows: Its rows.
        loss_on: Roles that are learnt.
        device: Where the tensors go.
    """

    def __init__(self, rows: MixedRows, loss_on: Collection[Role], device: torch.device) -> None:
        self.rows = rows
        self._dataset, self._device = RowDataset(rows, loss_on), device

    def step(self, share: Share, step: int) -> list[MicroBatch]:
        """The micro-batches of one process in one training step."""
        return [self._read(places) for places in share.places(step)]

    def once(self, rank: int, size: int) -> Iterator[MicroBatch]:
        """One pass over the rows, one at a time, shared between processes.

        Every process gets equally many; one that has run out of rows gets a row without targets,
        so that processes that must meet in every forward pass do.
        """
        count = self.rows.epoch_rows
        for start in range(0, count, size):
            place = start + rank
            yield self._read([place]) if place < count else self._read([0], learnt=False)

    def _read(self, places: Sequence[int], *, learnt: bool = True) -> MicroBatch:
        batch = self._dataset.read(places, self._dataset.loss_on if learnt else ())
        songs = (song for place in places for song in self.rows.songs(place))
        return MicroBatch(
            tokens=batch.tokens.to(self._device),
            boundaries=tuple(batch.boundaries.tolist()),
            targets=batch.targets.to(self._device),
            roles=batch.roles.to(self._device),
            songs=tuple(dict.fromkeys(songs)),
        )

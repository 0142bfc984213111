"""The rows of a mixture as a PyTorch dataset, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from yue.dataset.dataset_mix import MixedRows
from yue.dataset.packed_rows import IGNORED, targets
from yue.tokens.roles import Role


@dataclass(frozen=True, eq=False)
class RowBatch:
    """Rows packed into one sequence. There is no attention mask: the boundaries say it all.

    Attributes:
        tokens: int64, shape (N,).
        positions: Place of every token in its piece, int64, shape (N,).
        boundaries: Where pieces start, and N (``cu_seqlens``); int32, shape (pieces + 1,).
        targets: The token to predict at each position, or -100; int64, shape (N,).
        roles: :class:`Role` of each target that is not -100, in order; int64, shape (M,).
    """

    tokens: Tensor
    positions: Tensor
    boundaries: Tensor
    targets: Tensor
    roles: Tensor

    @property
    def longest(self) -> int:
        """Tokens of the longest piece (``max_seqlen``)."""
        return int(self.boundaries.diff().max())


class RowDataset(Dataset[RowBatch]):
    """The endless stream of a mixture's rows by place.

    Use it with :class:`~yue.dataset.row_sampler.RowSampler` as ``batch_sampler`` and
    ``collate_fn=whole``. Reading takes less time than handing a batch from a worker process to
    its parent does, so leave ``num_workers`` at 0.

    Args:
        rows: The mixture.
        loss_on: Roles that are learnt.
    """

    def __init__(self, rows: MixedRows, loss_on: Collection[Role]) -> None:
        self.rows, self.loss_on = rows, tuple(loss_on)

    def __len__(self) -> int:
        """Rows of an epoch; places go on beyond it."""
        return self.rows.epoch_rows

    def __getitem__(self, place: int) -> RowBatch:
        """One row."""
        return self.__getitems__([place])

    def __getitems__(self, places: Sequence[int]) -> RowBatch:
        """Rows of a batch, one after the other as one, by one call of C for each dataset in it.

        Raises:
            TokenFileError: Files were changed or damaged since they were opened.
        """
        return self.read(places, self.loss_on)

    def read(self, places: Sequence[int], loss_on: Collection[Role]) -> RowBatch:
        """The same, with other roles to learn."""
        row = self.rows.read(places)
        labels = targets(row, loss_on)
        roles = row.roles[np.flatnonzero(labels != IGNORED) + 1]
        is_input, boundaries = row.is_input, row.boundaries
        if row.has_next:
            boundaries = boundaries - np.arange(len(boundaries))
        return RowBatch(
            tokens=torch.from_numpy(row.tokens[is_input].astype(np.int64)),
            positions=torch.from_numpy(row.positions[is_input]),
            boundaries=torch.from_numpy(boundaries.astype(np.int32)),
            targets=torch.from_numpy(labels[is_input]),
            roles=torch.from_numpy(roles.astype(np.int64)),
        )


def whole(batch: RowBatch) -> RowBatch:
    """Collate nothing: the dataset has made the batch."""
    return batch

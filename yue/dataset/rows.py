"""Rows for training: tokens, where each song's piece starts, and what each token is.

A row is a function of (files, context, seed, epoch, index) alone, so training resumes from the
pair (epoch, index), with any number of workers and processes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.dataset.packing import pack
from yue.dataset.pieces import Piece
from yue.dataset.reader import Ids, TokenFiles
from yue.tokens.roles import Role

IGNORED = -100
"""The label of a position that is not learnt."""


@dataclass(frozen=True, eq=False)
class PackedRow:
    """Pieces of songs, back to back, without padding.

    Attributes:
        tokens: int32, shape (N,).
        boundaries: Where each piece starts, and N; int64, shape (pieces + 1,). Attention and
            positions start anew at each (``cu_seqlens``).
        roles: :class:`~yue.tokens.roles.Role` of every token, uint8, shape (N,).
    """

    tokens: Ids
    boundaries: npt.NDArray[np.int64]
    roles: npt.NDArray[np.uint8]


class PackedRows:
    """The rows of token files, in an order of their own in every epoch.

    Args:
        files: The documents.
        context: The longest row, in tokens.
        seed: With the epoch, it gives the order.

    Raises:
        TrainingError: The context is too short for a song.
    """

    def __init__(self, files: TokenFiles, context: int, *, seed: int) -> None:
        self.files = files
        self.packing = pack(files, context)
        self.seed = seed
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def epoch_rows(self, epoch: int) -> int:
        """Number of rows in an epoch."""
        return self.packing.rows

    def row(self, epoch: int, index: int) -> PackedRow:
        """One row of an epoch.

        Args:
            epoch: From 0.
            index: 0..epoch_rows(epoch) - 1.

        Raises:
            TokenFileError: The files were changed or damaged since they were opened.
        """
        pieces = self.packing.pieces(int(self._epoch_order(epoch)[index]))
        parts = [self._part(piece) for piece in pieces]
        return PackedRow(
            tokens=np.concatenate([tokens for tokens, _ in parts]),
            boundaries=np.cumsum([0, *(piece.tokens for piece in pieces)], dtype=np.int64),
            roles=np.concatenate([roles for _, roles in parts]),
        )

    def songs(self, epoch: int, index: int) -> tuple[str, ...]:
        """The songs that one row of an epoch has pieces of, in order."""
        pieces = self.packing.pieces(int(self._epoch_order(epoch)[index]))
        ids = self.files.info.song_ids
        return tuple(dict.fromkeys(ids[piece.document] for piece in pieces))

    def _part(self, piece: Piece) -> tuple[Ids, npt.NDArray[np.uint8]]:
        document = self.files.document(piece.document)
        roles = piece.take(self.files.roles(document))
        # The first code after a cut within a section is no continuation of the repeated opening.
        given = piece.repeated + (1 if piece.opening else 0)
        if given:
            roles[:given] = Role.CONTEXT
        return piece.take(document), roles

    def _epoch_order(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            # RandomState's streams are frozen (NEP 19): an order outlives NumPy's versions.
            bits = np.random.MT19937(np.random.SeedSequence([self.seed, epoch]))
            self._order = epoch, np.random.RandomState(bits).permutation(self.packing.rows)
        return self._order[1]


def targets(row: PackedRow, loss_on: Collection[Role]) -> npt.NDArray[np.int64]:
    """What each position is to predict: the next token of its piece.

    Args:
        row: The row.
        loss_on: Roles that are learnt. What a piece repeats (``Role.CONTEXT``) is never learnt.

    Returns:
        Next tokens, :data:`IGNORED` where the next token's role is not learnt and at the end of
        each piece; int64, shape (N,).
    """
    learnt = np.isin(row.roles, [role for role in loss_on if role != Role.CONTEXT])
    learnt[row.boundaries[:-1]] = False  # nothing before it in its piece says what it will be
    labels = np.full(len(row.tokens), IGNORED, dtype=np.int64)
    labels[:-1] = np.where(learnt[1:], row.tokens[1:], IGNORED)
    return labels

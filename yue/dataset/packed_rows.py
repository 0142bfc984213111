"""Rows for training: tokens, where each song's piece starts, and what each token is.

A row is a function of (files, context, seed, epoch, index) alone, so training resumes from the
pair (epoch, index), with any number of workers and processes. There is no attention mask: the
boundaries say it all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.dataset.chop import Chopping, Samples
from yue.dataset.packing import Packing, pack
from yue.dataset.song_pieces import Piece
from yue.dataset.token_files import Ids, TokenFiles
from yue.tokens.roles import Role

IGNORED = -100
"""The label of a position that the loss leaves out."""


@dataclass(frozen=True, eq=False)
class PackedRow:
    """Pieces of songs, back to back, without padding; or several such rows as one.

    Attributes:
        tokens: int32, shape (N,).
        boundaries: Where each piece starts, and N; int64, shape (pieces + 1,). Attention and
            positions start at 0 again at each (``cu_seqlens``).
        roles: :class:`~yue.tokens.roles.Role` of every token, uint8, shape (N,).
        next_tokens: The token after each piece, where that is to be predicted as well; int32,
            shape (pieces,). Upstream's rows share it with the next row.
        next_roles: Its role, uint8, shape (pieces,).
    """

    tokens: Ids
    boundaries: npt.NDArray[np.int64]
    roles: npt.NDArray[np.uint8]
    next_tokens: Ids | None = None
    next_roles: npt.NDArray[np.uint8] | None = None

    @property
    def target_tokens(self) -> Ids:
        """The token after each; anything where none is, int32, shape (N,)."""
        found = np.roll(self.tokens, -1)
        if self.next_tokens is not None:
            found[self.boundaries[1:] - 1] = self.next_tokens
        return found

    @property
    def target_roles(self) -> npt.NDArray[np.uint8]:
        """The role of the token after each; ``Role.CONTEXT`` where none is, uint8, shape (N,)."""
        found = np.roll(self.roles, -1)
        found[self.boundaries[1:] - 1] = (
            Role.CONTEXT if self.next_roles is None else self.next_roles
        )
        return found


class PackedRows:
    """The rows of token files, in an order of their own in every epoch.

    Args:
        files: The documents.
        context: The longest row, in tokens.
        seed: With the epoch, it gives the order, unless the packing has one of its own.
        packing: Rows that are cut as upstream does, instead of song by song.

    Raises:
        TrainingError: The context is too short for a song.
    """

    def __init__(
        self,
        files: TokenFiles,
        context: int,
        *,
        seed: int,
        packing: Chopping | Samples | None = None,
    ) -> None:
        self.files = files
        self.packing: Packing | Chopping | Samples = packing or pack(files, context)
        self.seed = seed
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def epoch_rows(self, epoch: int) -> int:
        """Return the number of rows in an epoch."""
        return self.packing.rows

    def first_tokens(self, count: int) -> int:
        """Count the tokens of the first ``count`` rows of all epochs, one after the other."""
        epochs, left = divmod(count, self.packing.rows)
        begun = self.packing.row_tokens[self._epoch_order(epochs)[:left]]
        return epochs * self.packing.tokens + int(begun.sum())

    def pieces(self, epoch: int, index: int) -> list[Piece]:
        """Return the pieces of one row of an epoch, in order."""
        return self.packing.pieces(int(self._epoch_order(epoch)[index]))

    def row(self, epoch: int, index: int) -> PackedRow:
        """Read one row of an epoch.

        Args:
            epoch: From 0.
            index: 0..epoch_rows(epoch) - 1.

        Raises:
            TokenFileError: The files were changed or damaged since they were opened.
        """
        return read_rows([(self, epoch, index)])

    def songs(self, epoch: int, index: int) -> tuple[str, ...]:
        """Return the songs that one row of an epoch has pieces of, in order."""
        ids = self.files.info.song_ids
        return tuple(dict.fromkeys(ids[p.document] for p in self.pieces(epoch, index)))

    def _epoch_order(self, epoch: int) -> npt.NDArray[np.int64]:
        if isinstance(self.packing, Samples):
            return self.packing.index.shuffle
        if self._order is None or self._order[0] != epoch:
            # RandomState's streams are frozen (NEP 19): an order outlives NumPy's versions.
            bits = np.random.MT19937(np.random.SeedSequence([self.seed, epoch]))
            self._order = epoch, np.random.RandomState(bits).permutation(self.packing.rows)
        return self._order[1]


def read_rows(places: Sequence[tuple[PackedRows, int, int]]) -> PackedRow:
    """Read rows, one after the other as one; each dataset among them by one call of C.

    Args:
        places: Rows of a dataset, epoch and index of each.

    Raises:
        TokenFileError: Files were changed or damaged since they were opened.
    """
    wanted: list[tuple[PackedRows, Piece, bool]] = []
    for rows, epoch, index in places:
        pieces = rows.pieces(epoch, index)
        is_new = [number == 0 or isinstance(rows.packing, Packing) for number in range(len(pieces))]
        wanted += [(rows, piece, new) for piece, new in zip(pieces, is_new, strict=True)]
    starts = np.cumsum([0, *(piece.tokens for _, piece, _ in wanted)], dtype=np.int64)
    tokens = np.empty(int(starts[-1]), dtype=np.int32)
    roles = np.empty(int(starts[-1]), dtype=np.uint8)
    for rows in dict.fromkeys(rows for rows, _, _ in wanted):
        own = [
            (piece, int(start))
            for (of, piece, _), start in zip(wanted, starts[:-1], strict=True)
            if of is rows
        ]
        read = _read_pieces if isinstance(rows.packing, Packing) else _read_fragments
        read(rows.files, own, tokens, roles)
    is_boundary = np.array([*(new for _, _, new in wanted), True])
    row = PackedRow(tokens, starts[is_boundary], roles)
    return _cut_ends(row) if isinstance(places[0][0].packing, Samples) else row


def _cut_ends(row: PackedRow) -> PackedRow:
    """Make the last token of each piece one that is predicted and not read."""
    is_end = np.zeros(len(row.tokens), dtype=bool)
    is_end[row.boundaries[1:] - 1] = True
    return PackedRow(
        tokens=row.tokens[~is_end],
        boundaries=row.boundaries - np.arange(len(row.boundaries)),
        roles=row.roles[~is_end],
        next_tokens=row.tokens[is_end],
        next_roles=row.roles[is_end],
    )


def _read_pieces(
    files: TokenFiles,
    pieces: Sequence[tuple[Piece, int]],
    tokens: Ids,
    roles: npt.NDArray[np.uint8],
) -> None:
    """Read pieces, each to its place in the output."""
    spans, bounds = [], []
    for piece, start in pieces:
        # The first code after a cut within a section is no continuation of the repeated opening.
        given = piece.repeated + (1 if piece.opening else 0)
        bounds.append((start, start + piece.tokens, given))
        first, place = int(files.starts[piece.document]), start
        for part in (*piece.repeats, piece.body):
            spans.append((first + part.start, len(part), place))
            place += len(part)
    files.gather(np.array(spans), tokens, bounds=np.array(bounds), roles=roles)


def _read_fragments(
    files: TokenFiles,
    pieces: Sequence[tuple[Piece, int]],
    tokens: Ids,
    roles: npt.NDArray[np.uint8],
) -> None:
    """Read parts that start anywhere, each with all that its document has before it.

    What a code is for shows from there only. Whole documents, their roles in Python, took 4.6 ms a
    row of 8,192 tokens; one call of C takes less than 1 ms.
    """
    stops = np.array([piece.body.stop for piece, _ in pieces], dtype=np.int64)
    ends = np.cumsum(stops)
    firsts = files.starts[[piece.document for piece, _ in pieces]]
    read_tokens = np.empty(int(ends[-1]), dtype=np.int32)
    read_roles = np.empty(int(ends[-1]), dtype=np.uint8)
    files.gather(
        np.stack([firsts, stops, ends - stops], axis=1),
        read_tokens,
        bounds=np.stack([ends - stops, ends, np.zeros_like(ends)], axis=1),
        roles=read_roles,
    )
    for (piece, start), end in zip(pieces, ends.tolist(), strict=True):
        place, part = slice(start, start + piece.tokens), slice(end - piece.tokens, end)
        tokens[place], roles[place] = read_tokens[part], read_roles[part]


def targets(row: PackedRow, loss_on: Collection[Role]) -> npt.NDArray[np.int64]:
    """Return what each position is to predict: the next token of its piece.

    Args:
        row: The row.
        loss_on: Roles that the loss counts; never what a piece repeats (``Role.CONTEXT``).

    Returns:
        Next tokens, :data:`IGNORED` where the loss leaves out the next token, and where none
        follows in the piece; int64, shape (N,).
    """
    is_counted = np.zeros(len(Role), dtype=bool)
    is_counted[[role for role in loss_on if role != Role.CONTEXT]] = True
    return np.where(is_counted[row.target_roles], row.target_tokens.astype(np.int64), IGNORED)

"""Pack pieces into rows: best fit, longest first.

Every piece goes into the row with the least room that still holds it. The plan depends on the
lengths alone; what changes from epoch to epoch is the order of the rows. On 20,000 songs, of which
89 % fit 16,384 tokens, padding is 2.92 % (benchmarks/RESULTS.md, packing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.dataset.song_pieces import Piece, split_document
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.native.document_gather import best_fit


@dataclass(frozen=True, eq=False)
class Packing:
    """Which pieces make up each row. Open it with :func:`pack`.

    Attributes:
        context: The longest row, in tokens.
        whole: Documents that are one piece each, int64, shape (W,).
        split: The pieces of all other documents; piece W + n is ``split[n]``.
        lengths: Tokens of each piece, int64, shape (P,).
        members: Pieces row by row, int64, shape (P,).
        row_starts: Where each row starts in ``members``, int64, shape (rows + 1,).
    """

    context: int
    whole: npt.NDArray[np.int64]
    split: tuple[Piece, ...]
    lengths: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    row_starts: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.row_starts) - 1

    @property
    def tokens(self) -> int:
        """Tokens of all rows, those that are repeated included."""
        return int(self.lengths.sum())

    @property
    def row_tokens(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, int64, shape (rows,)."""
        return np.add.reduceat(self.lengths[self.members], self.row_starts[:-1])

    def pieces(self, row: int) -> list[Piece]:
        """Return the pieces of a row, in order."""
        first, last = self.row_starts[row], self.row_starts[row + 1]
        return [self._piece(int(number)) for number in self.members[first:last]]

    def _piece(self, number: int) -> Piece:
        if number >= len(self.whole):
            return self.split[number - len(self.whole)]
        return Piece(int(self.whole[number]), range(int(self.lengths[number])))


def pack(files: TokenFiles, context: int) -> Packing:
    """Pack all documents into rows.

    Args:
        files: The documents.
        context: The longest row, in tokens.

    Raises:
        TrainingError: The context is too short for a song, or there is nothing to pack.
        TokenFileError: A document that must be split cannot be read.
    """
    lengths = files.document_lengths
    # An empty document, which other writers leave behind, has nothing to learn from.
    whole = np.flatnonzero((lengths > 0) & (lengths <= context))
    split = [
        piece
        for document in np.flatnonzero(lengths > context)
        for piece in split_document(files, int(document), context)
    ]
    pieces = np.concatenate([lengths[whole], np.array([p.tokens for p in split], dtype=np.int64)])
    if not len(pieces):
        raise TrainingError(
            f"{files.prefix}: no tokens to train on", fix="write the files with `yue mmap`"
        )
    members, row_starts = best_fit(pieces, context)
    return Packing(
        context=context,
        whole=whole,
        split=tuple(split),
        lengths=pieces,
        members=members,
        row_starts=row_starts,
    )

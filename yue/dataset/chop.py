"""Rows as upstream cuts them: all documents back to back, chopped at every ``context`` tokens.

Songs are cut wherever a row ends and most pieces lack their header; it is here for runs that must
be those of YuE's own scripts. Attention runs through a whole row, as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.dataset.song_pieces import Piece


@dataclass(frozen=True, eq=False)
class Chopping:
    """Which part of which documents makes up each row.

    Attributes:
        context: Tokens of a row; the last row may be shorter.
        starts: Token at which each document starts, and the end; int64, shape (documents + 1,).
    """

    context: int
    starts: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return -(-self.tokens // self.context)

    @property
    def tokens(self) -> int:
        """Tokens of all rows."""
        return int(self.starts[-1])

    @property
    def row_tokens(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, int64, shape (rows,)."""
        cuts = np.append(np.arange(self.rows) * self.context, self.tokens)
        return np.diff(cuts)

    def pieces(self, row: int) -> list[Piece]:
        """The parts of documents in a row, in order."""
        start = row * self.context
        stop = min(start + self.context, self.tokens)
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        last = int(np.searchsorted(self.starts, stop, side="left"))
        found = []
        for document in range(first, last):
            begin, end = int(self.starts[document]), int(self.starts[document + 1])
            body = range(max(start, begin) - begin, min(stop, end) - begin)
            if body:
                found.append(Piece(document, body))
        return found

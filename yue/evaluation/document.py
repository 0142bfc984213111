"""The scores of one song, read in the same pieces as in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.dataset.pieces import Piece
from yue.evaluation.scores import NO_SCORES, Scorer, Scores
from yue.tokens.roles import PREDICTED, Role

SCORED = (Role.TEXT, *PREDICTED)
"""Control ids follow from the layout and reference audio is given: neither says what is learnt."""


@dataclass(frozen=True)
class DocumentScores:
    """The scores of a song's tokens.

    Attributes:
        positions: Place in the document, int64, shape (M,); ascending, each at most once.
        roles: :class:`~yue.tokens.roles.Role` values, uint8, shape (M,).
        scores: Shape (M, 8), the columns of :class:`~yue.evaluation.scores.Score`.
    """

    positions: npt.NDArray[np.int64]
    roles: npt.NDArray[np.uint8]
    scores: Scores


def score_document(
    scorer: Scorer,
    tokens: npt.NDArray[np.int32],
    roles: npt.NDArray[np.uint8],
    pieces: list[Piece],
) -> DocumentScores:
    """Score the tokens of a song, each at most once.

    The song's first token has nothing to be predicted from, and the first code after a cut within
    a section has nothing that it continues; neither is scored.

    Args:
        scorer: Both models.
        tokens: The document's ids, shape (N,).
        roles: Their roles, shape (N,).
        pieces: The document, cut to the context. What a piece repeats is context alone.
    """
    positions = [_predicted(piece, roles) for piece in pieces]
    scores = [
        scorer.score_row(
            piece.take(tokens),
            np.array([0, piece.tokens]),
            found - piece.body.start + piece.repeated,
        )
        for piece, found in zip(pieces, positions, strict=True)
    ]
    every = np.concatenate([np.zeros(0, np.int64), *positions])
    return DocumentScores(every, roles[every], np.concatenate([NO_SCORES, *scores]))


def _predicted(piece: Piece, roles: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places in the document of the tokens that the piece predicts."""
    given = 1 if piece.opening or not piece.repeated else 0
    positions = np.arange(piece.body.start + given, piece.body.stop, dtype=np.int64)
    return positions[np.isin(roles[positions], SCORED)]

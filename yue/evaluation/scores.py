"""How well both models predict the tokens of a song, read in the same pieces as in training.

Each model takes one forward pass, and never are all logits there at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from yue.dataset.song_pieces import Piece
from yue.lm.forward import hidden_states, output_head
from yue.lm.loss import DistinctHead, distinct_head
from yue.tokens.roles import PREDICTED, Role

if TYPE_CHECKING:
    from yue.lm.load import TunedModel

# Logits of each model that exist at the same time.
_CHUNK_LOGITS = {"cpu": 2**22, "cuda": 2**26}


class Score(IntEnum):
    """The columns of a matrix of scores, one row a predicted token.

    Losses are cross entropies in nats. A token is in the top k when at most k ids, itself
    included, have a logit as high as its own. ``KL`` is that of the tuned model's distribution to
    the base model's, in nats.
    """

    TOKENS = 0
    BASE_LOSS = 1
    BASE_TOP1 = 2
    BASE_TOP5 = 3
    TUNED_LOSS = 4
    TUNED_TOP1 = 5
    TUNED_TOP5 = 6
    KL = 7


Scores = npt.NDArray[np.float64]
NO_SCORES: Scores = np.zeros((0, len(Score)))


class Scorer:
    """Both models, with the output layer that they have in common.

    Args:
        model: With an adapter that leaves the output layer as it is.
    """

    def __init__(self, model: TunedModel) -> None:
        self.model = model
        with model.use("base") as lm:
            self._head = _distinct_rows(output_head(lm))
        self._counts = self._head.log_counts.exp().round()

    def score_row(
        self,
        tokens: npt.NDArray[np.integer],
        boundaries: npt.NDArray[np.integer],
        places: npt.NDArray[np.integer],
    ) -> Scores:
        """Score the predictions of some tokens of a row by both models.

        Args:
            tokens: Ids, shape (N,); one piece of a song, or several.
            boundaries: Where each piece starts, and N; shape (pieces + 1,).
            places: The tokens that are predicted, shape (M,); each from those before it in its
                piece, so the first of a piece is not among them.

        Returns:
            Shape (M, 8), the columns of :class:`Score`.
        """
        if not places.size:
            return NO_SCORES
        device = self.model.device
        with torch.inference_mode():
            ids = torch.from_numpy(tokens.astype(np.int64)).to(device)
            at = torch.from_numpy(places.astype(np.int64)).to(device)
            hidden = []
            for name in ("base", "tuned"):
                with self.model.use(name) as lm:
                    hidden.append(hidden_states(lm, ids, boundaries.tolist())[at - 1])
            targets = self._head.row_of[ids[at]]
            size = max(1, _CHUNK_LOGITS[device.type] // len(self._head.weight))
            chunks = [
                self._score_chunk(*(part[first : first + size] for part in (*hidden, targets)))
                for first in range(0, len(targets), size)
            ]
            return torch.cat(chunks).to("cpu", torch.float64).numpy()

    def _score_chunk(self, base: Tensor, tuned: Tensor, targets: Tensor) -> Tensor:
        """Score (m, 8) from the hidden states of both and the right rows of the head (m,)."""
        log_base, log_tuned = self._log_probabilities(base), self._log_probabilities(tuned)
        columns = [torch.ones_like(targets)]
        for values in (log_base, log_tuned):
            right = values.gather(-1, targets[:, None])
            rank = (values >= right).float() @ self._counts
            columns += [-right[:, 0], rank <= 1, rank <= 5]
        columns.append((log_tuned.exp() * (log_tuned - log_base)) @ self._counts)
        return torch.stack([column.float() for column in columns], dim=-1)

    def _log_probabilities(self, hidden: Tensor) -> Tensor:
        """Return those of one id of each distinct row, (m, rows) float32."""
        logits = (hidden @ self._head.weight.T).float() + self._head.log_counts
        return logits.log_softmax(-1) - self._head.log_counts


def _distinct_rows(head: nn.Linear) -> DistinctHead:
    """Return the distinct rows of the output layer; all, once each, where most differ."""
    found = distinct_head(head)
    if isinstance(found, DistinctHead):
        return found
    weight = head.weight.detach()
    rows = torch.arange(len(weight), device=weight.device)
    return DistinctHead(weight, torch.zeros(len(weight), device=weight.device), rows)


SCORED = (Role.TEXT, *PREDICTED)
"""Control ids follow from the layout and reference audio is given: neither shows learning."""


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
    positions = [_predicted_places(piece, roles) for piece in pieces]
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


def _predicted_places(piece: Piece, roles: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the places in the document of the tokens that the piece predicts."""
    given = 1 if piece.opening or not piece.repeated else 0
    positions = np.arange(piece.body.start + given, piece.body.stop, dtype=np.int64)
    return positions[np.isin(roles[positions], SCORED)]

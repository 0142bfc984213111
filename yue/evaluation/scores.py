"""How well both models predict tokens: one forward pass each, and never all logits at once."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yue.lm.forward import hidden_states

if TYPE_CHECKING:
    from yue.lm.tuned import TunedModel

# Positions whose logits (each as long as the vocabulary, of both models) exist at the same time.
_CHUNK = {"cpu": 32, "cuda": 512}


class Score(IntEnum):
    """The columns of a matrix of scores, one row a predicted token.

    Losses are cross entropies in nats. A token is in the top k when fewer than k ids have a higher
    logit, or an equal one and a lower number. ``KL`` is that of the tuned model's distribution to
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


def score_row(
    model: TunedModel,
    tokens: npt.NDArray[np.integer],
    boundaries: npt.NDArray[np.integer],
    places: npt.NDArray[np.integer],
) -> Scores:
    """Score the predictions of some tokens of a row by both models.

    Args:
        model: Both models.
        tokens: Ids, shape (N,); one piece of a song, or several.
        boundaries: Where each piece starts, and N; shape (pieces + 1,).
        places: The tokens that are predicted, shape (M,); each from those before it in its piece,
            so the first of a piece is not among them.

    Returns:
        Shape (M, 8), the columns of :class:`Score`.
    """
    if not places.size:
        return NO_SCORES
    with torch.inference_mode():
        ids = torch.from_numpy(tokens.astype(np.int64)).to(model.device)
        cuts = torch.from_numpy(boundaries.astype(np.int64)).to(model.device)
        at = torch.from_numpy(places.astype(np.int64)).to(model.device)
        hidden = {}
        for name in ("base", "tuned"):
            with model.use(name) as lm:
                hidden[name] = hidden_states(lm, ids, cuts)[at - 1]
        size = _CHUNK.get(model.device.type, _CHUNK["cpu"])
        chunks = [
            _score_chunk(
                model.logits("base", hidden["base"][first : first + size]),
                model.logits("tuned", hidden["tuned"][first : first + size]),
                ids[at[first : first + size]],
            )
            for first in range(0, len(at), size)
        ]
        return torch.cat(chunks).to("cpu", torch.float64).numpy()


def _score_chunk(base: Tensor, tuned: Tensor, targets: Tensor) -> Tensor:
    """Scores from the logits of both, each (m, vocabulary), and the right ids (m,)."""
    base, tuned = base.float().log_softmax(-1), tuned.float().log_softmax(-1)
    columns = [torch.ones_like(targets)]
    for log_probabilities in (base, tuned):
        right = log_probabilities.gather(-1, targets[:, None])
        rank = _rank(log_probabilities, right, targets)
        columns += [-right[:, 0], rank < 1, rank < 5]
    columns.append((tuned.exp() * (tuned - base)).sum(-1))
    return torch.stack([column.float() for column in columns], dim=-1)


def _rank(values: Tensor, right: Tensor, targets: Tensor) -> Tensor:
    """How many ids come before the right one; (m,)."""
    before = torch.arange(values.shape[-1], device=values.device) < targets[:, None]
    return ((values > right) | ((values == right) & before)).sum(-1)

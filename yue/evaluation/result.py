"""From the sums of each song to what ``metrics/eval.json`` says."""

from __future__ import annotations

import math

import numpy as np

from yue.errors import TrainingError
from yue.evaluation.bootstrap import interval
from yue.evaluation.metrics import Change, Evaluation, RoleMetrics
from yue.evaluation.scores import Score
from yue.evaluation.tally import ROLES, Sums, Tally


def summarise(songs: Tally[int], split: str, documents: int) -> Evaluation:
    """Means over all tokens from the sums of each song.

    Raises:
        TrainingError: A loss is not a finite number.
    """
    found = {role: list(songs.of(role).values()) for role in ROLES}
    by_song = {role: np.array(sums) for role, sums in found.items() if sums}
    for role, sums in by_song.items():
        _check_finite(role, sums)
    return Evaluation(
        base={
            role: _metrics(sums, Score.BASE_LOSS, Score.BASE_TOP1, Score.BASE_TOP5)
            for role, sums in by_song.items()
        },
        tuned={
            role: _metrics(sums, Score.TUNED_LOSS, Score.TUNED_TOP1, Score.TUNED_TOP5)
            for role, sums in by_song.items()
        },
        change={role: _change(sums) for role, sums in by_song.items()},
        kl_to_base={role: _rounded(_mean(sums, Score.KL)) for role, sums in by_song.items()},
        split=split,
        held_out=split != "train",
        songs=documents,
    )


def _check_finite(role: str, by_song: Sums) -> None:
    for model, column in (("base", Score.BASE_LOSS), ("tuned", Score.TUNED_LOSS)):
        loss = _mean(by_song, column)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {model} model's {role} loss is {loss}",
                why="its weights hold values that are not finite numbers",
                fix="lower train.lr and train again"
                if model == "tuned"
                else "check model.path, or use model.dtype: float32",
            )


def _metrics(by_song: Sums, loss: Score, top1: Score, top5: Score) -> RoleMetrics:
    nats = _mean(by_song, loss)
    return RoleMetrics(
        loss=_rounded(nats),
        perplexity=_rounded(math.exp(min(nats, 700.0))),
        top1=_rounded(_mean(by_song, top1)),
        top5=_rounded(_mean(by_song, top5)),
        tokens=int(by_song[:, Score.TOKENS].sum()),
        **_ends(by_song[:, loss], by_song),
    )


def _change(by_song: Sums) -> Change:
    tokens = by_song[:, Score.TOKENS]
    differences = by_song[:, Score.TUNED_LOSS] - by_song[:, Score.BASE_LOSS]
    return Change(_rounded(differences.sum() / tokens.sum()), **_ends(differences, by_song))


def _ends(sums: Sums, by_song: Sums) -> dict[str, float]:
    """The interval of a mean over tokens, by the names of its ends; nothing for one song."""
    found = interval(sums, by_song[:, Score.TOKENS])
    return {} if found is None else {"low": _rounded(found[0]), "high": _rounded(found[1])}


def _mean(by_song: Sums, column: Score) -> float:
    """Mean over all tokens of the songs; ``by_song`` is (songs, 8)."""
    return float(by_song[:, column].sum() / by_song[:, Score.TOKENS].sum())


def _rounded(value: float) -> float:
    return round(float(value), 6)

"""``metrics/eval.json``: how well both models predict held-out songs, and how sure that is.

How sure a mean over songs is says the bootstrap, with songs as the units that are drawn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import YueError
from yue.files import read_json, write_json

Interval = tuple[float, float]

_RESAMPLES = 2000
_SEED = 0
# Songs drawn at once: their numbers take 8 MB, however many resamples there are.
_BLOCK = 1_000_000


@dataclass(frozen=True)
class RoleMetrics:
    """One model on the tokens of one role.

    Attributes:
        loss: Mean cross entropy, nats a token.
        perplexity: Exponential of the loss.
        top1: Share of tokens that the model finds likeliest.
        top5: Share of tokens among its five likeliest.
        tokens: How many were scored.
        low: Lower end of the loss's 95 % interval over songs; None for one song.
        high: Upper end.
    """

    loss: float
    perplexity: float
    top1: float
    top5: float
    tokens: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Change:
    """Tuned minus base loss on the same tokens; below 0 the adapter helps.

    Attributes:
        loss: The difference, nats a token.
        low: Lower end of its 95 % interval over songs; None for one song.
        high: Upper end.
    """

    loss: float
    low: float | None = None
    high: float | None = None

    @property
    def is_better(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high is not None and self.high < 0

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Evaluation:
    """Both models on the same songs; a role that has no tokens is left out.

    The intervals of two models overlap where songs differ more than the models do; that of the
    change does not show what songs have in common.

    Attributes:
        base: By role, the base model.
        tuned: By role, the base model with the adapter.
        change: By role.
        kl_to_base: By role, mean KL divergence of the tuned model's predictions to the base
            model's, nats a token.
        split: The split of the songs.
        held_out: Whether the model was not trained on them.
        songs: How many.
    """

    base: dict[str, RoleMetrics]
    tuned: dict[str, RoleMetrics]
    change: dict[str, Change]
    kl_to_base: dict[str, float]
    split: str
    held_out: bool
    songs: int


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the file, whole or not at all; intervals of one song are left out."""
    write_json(path, asdict(evaluation, dict_factory=_drop_none))


def _drop_none(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None}


def read_evaluation(path: Path) -> Evaluation:
    """Read the file.

    Raises:
        YueError: It is missing or is not the result of an evaluation.
    """
    value = read_json(path)
    try:
        metrics = {
            model: {role: RoleMetrics(**item) for role, item in value[model].items()}
            for model in ("base", "tuned")
        }
        change = {role: Change(**item) for role, item in value["change"].items()}
        return Evaluation(**{**value, **metrics, "change": change})
    except (KeyError, TypeError, AttributeError) as error:
        raise YueError(
            f"{path}: not the result of an evaluation ({type(error).__name__}: {error})",
            fix="run `dvc repro evaluate`",
        ) from error


def interval(
    sums: npt.NDArray[np.float64], tokens: npt.NDArray[np.float64], *, level: float = 0.95
) -> Interval | None:
    """Return the percentile interval of the mean over tokens, had other songs been drawn.

    Tokens of one song are alike, so they are drawn together (Efron, 1979).

    Args:
        sums: Of each song, shape (songs,).
        tokens: Of each song, above 0, shape (songs,).
        level: Probability of the interval.

    Returns:
        Its ends, or None for less than two songs, which do not show how songs differ.
    """
    if len(sums) < 2:
        return None
    generator = np.random.default_rng(_SEED)
    songs = len(sums)
    block = max(1, _BLOCK // songs)
    means = []
    for first in range(0, _RESAMPLES, block):
        drawn = generator.integers(0, songs, (min(block, _RESAMPLES - first), songs))
        means.append(sums[drawn].sum(1) / tokens[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def round6(value: float) -> float:
    """Round a metric for its file: six digits after the point say more than any model knows."""
    return round(float(value), 6)

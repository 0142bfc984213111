"""``metrics/eval.json``: how well both models predict held-out songs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.errors import YueError
from yue.files import read_json, write_json


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
    """Write the file, whole or not at all; intervals that there are not are left out."""
    write_json(path, asdict(evaluation, dict_factory=_known))


def _known(items: list[tuple[str, Any]]) -> dict[str, Any]:
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

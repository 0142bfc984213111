"""How far a run has come: what a checkpoint keeps beside DeepSpeed's own state."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Point:
    """One point of the curves.

    Attributes:
        step: Optimizer steps done.
        values: By name of the curve.
    """

    step: int
    values: dict[str, float]


@dataclass
class RunState:
    """Where a run is.

    Attributes:
        step: Optimizer steps done.
        tokens_seen: Tokens read.
        learnt_tokens: Tokens that had a loss.
        seconds: Time of the runs before this one.
        points: The curves so far.
        sums: Losses since the last log line, see :class:`yue.training.losses.Tally`.
        validated: The step of the last validation, -1 before the first.
        sampled: The step of the last samples, -1 before the first.
        best_step: The step of the lowest held-out loss, -1 before the first.
        best_loss: That loss.
        stale: Validations since then.
    """

    step: int = 0
    tokens_seen: int = 0
    learnt_tokens: int = 0
    seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    validated: int = -1
    sampled: int = -1
    best_step: int = -1
    best_loss: float = 0.0
    stale: int = 0

    def last(self, name: str) -> float | None:
        """The last value of a curve, or None."""
        return next((p.values[name] for p in reversed(self.points) if name in p.values), None)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def state_of(value: dict[str, Any]) -> RunState:
    """From JSON values.

    Raises:
        KeyError, TypeError: They are not those of a state.
    """
    points = [Point(point["step"], dict(point["values"])) for point in value["points"]]
    state = RunState(**{**value, "points": points})
    for name, default in vars(RunState()).items():
        found = getattr(state, name)
        if type(found) is not type(default) and not (type(default), type(found)) == (float, int):
            raise TypeError(f"{name} is {found!r:.40}")
    return state

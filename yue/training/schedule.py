"""The learning rate as a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yue.recipe.model import Train


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then constant, or down to zero after the last step.

    Attributes:
        peak: Largest learning rate.
        shape: "cosine", "linear" or "constant".
        warmup: Steps of warm-up.
        steps: All steps.
    """

    peak: float
    shape: str
    warmup: int
    steps: int

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / (self.warmup + 1)
        if self.shape == "constant":
            return self.peak
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        if self.shape == "linear":
            return self.peak * (1 - done)
        return self.peak * 0.5 * (1 + math.cos(math.pi * done))


def schedule_of(train: Train, steps: int) -> Schedule:
    """The recipe's schedule over ``steps`` steps."""
    return Schedule(train.lr, train.lr_scheduler, math.ceil(train.warmup_ratio * steps), steps)


def step_count(train: Train, rows: int) -> int:
    """Optimizer steps: ``max_steps``, or as many as the epochs take.

    Args:
        train: The recipe's section.
        rows: Packed rows of an epoch.
    """
    if train.max_steps is not None:
        return train.max_steps
    return max(math.ceil(train.epochs * rows / train.batch_size), 1)

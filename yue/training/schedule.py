"""What is known of a run before it starts: steps, learning rates, and what it will read.

The learning rate is a function of the step alone, so that resuming needs no state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from yue.dataset.dataset_mix import MixedRows
from yue.dataset.packed_rows import IGNORED, PackedRows, targets
from yue.errors import TrainingError
from yue.recipe.model import Train
from yue.tokens.roles import Role
from yue.wording import quoted


def trained_roles(train: Train) -> tuple[Role, ...]:
    """Return the roles of ``train.loss_on``."""
    return tuple(Role[name.upper()] for name in train.loss_on)


def check_any_trained(rows: PackedRows, train: Train) -> None:
    """Check that some token has one of those roles.

    Raises:
        TrainingError: None has; a run would read everything and train on nothing.
    """
    roles = trained_roles(train)
    for index in range(rows.epoch_rows(0)):
        if (targets(rows.row(0, index), roles) != IGNORED).any():
            return
    raise TrainingError(
        f"train.loss_on is {', '.join(train.loss_on)}, and no token of {rows.files.prefix} is that",
        why="each token layout has its own roles",
        fix=f"see `yue inspect {quoted(rows.files.prefix)}`, or change train.loss_on",
    )


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
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / (self.warmup + 1)
        if self.shape == "constant":
            return self.peak
        done = (step - self.warmup) / max(self.steps - self.warmup, 1)
        if self.shape == "linear":
            return self.peak * (1 - done)
        return self.peak * 0.5 * (1 + math.cos(math.pi * done))


def schedule_of(train: Train, steps: int) -> Schedule:
    """Return the recipe's schedule over ``steps`` steps."""
    return Schedule(train.lr, train.lr_scheduler, math.ceil(train.warmup_ratio * steps), steps)


def step_count(train: Train, rows: int) -> int:
    """Count the optimizer steps: ``max_steps``, or as many as the epochs take.

    Args:
        train: The recipe's section.
        rows: Packed rows of an epoch.
    """
    if train.max_steps is not None:
        return train.max_steps
    return max(math.ceil(train.epochs * rows / train.batch_size), 1)


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset in a run.

    Attributes:
        name: Its name in the recipe.
        prefix: Its token files.
        documents: Songs in it.
        tokens: Tokens in it.
        rows: Packed rows in it.
        epoch_rows: Rows of it that an epoch of the mixture reads.
        rounds: How often an epoch of the mixture reads it.
        asked_share: The share of the tokens that the recipe asks for, 0..1.
        run_rows: Rows of it that the run reads.
        run_tokens: Tokens of them, what is repeated included.
        run_share: Their share of all tokens of the run, 0..1.
    """

    name: str
    prefix: str
    documents: int
    tokens: int
    rows: int
    epoch_rows: int
    rounds: float
    asked_share: float
    run_rows: int
    run_tokens: int
    run_share: float


@dataclass(frozen=True)
class RunPlan:
    """What a run reads.

    Attributes:
        context_length: Tokens of a full row.
        batch_size: Rows of an optimizer step.
        datasets: In the recipe's order.
        epoch_rows: Rows of an epoch of the mixture.
        epoch_tokens: Tokens of them, in the mean of epochs.
        epoch_steps: Optimizer steps of an epoch; a fraction where it ends within a step.
        steps: Optimizer steps of the run.
        epochs: Epochs of the run.
        rows: Rows of the run.
        tokens: Tokens of the run.
        padding_share: Share of the rows' room that has no token, 0..1.
    """

    context_length: int
    batch_size: int
    datasets: tuple[DatasetPlan, ...]
    epoch_rows: int
    epoch_tokens: float
    epoch_steps: float
    steps: int
    epochs: float
    rows: int
    tokens: int
    padding_share: float


def run_plan(mixed: MixedRows, train: Train) -> RunPlan:
    """Return the plan of a run.

    Args:
        mixed: What is read.
        train: The recipe's section.
    """
    steps = step_count(train, mixed.epoch_rows)
    rows = steps * train.batch_size
    taken = mixed.taken(rows)
    tokens = sum(part.tokens for part in taken)
    datasets = tuple(
        DatasetPlan(
            name=portion.name,
            prefix=str(portion.rows.files.prefix),
            documents=portion.rows.files.documents,
            tokens=portion.rows.files.tokens,
            rows=portion.rows.packing.rows,
            epoch_rows=portion.draws,
            rounds=portion.rounds,
            asked_share=portion.asked,
            run_rows=part.rows,
            run_tokens=part.tokens,
            run_share=part.tokens / max(tokens, 1),
        )
        for portion, part in zip(mixed.portions, taken, strict=True)
    )
    return RunPlan(
        context_length=train.context_length,
        batch_size=train.batch_size,
        datasets=datasets,
        epoch_rows=mixed.epoch_rows,
        epoch_tokens=sum(portion.tokens for portion in mixed.portions),
        epoch_steps=mixed.epoch_rows / train.batch_size,
        steps=steps,
        epochs=rows / mixed.epoch_rows,
        rows=rows,
        tokens=tokens,
        padding_share=1 - tokens / max(rows * train.context_length, 1),
    )


def share_lines(plan: RunPlan) -> list[str]:
    """Return a line for each dataset of a mixture: asked share against real; none for one alone."""
    if len(plan.datasets) == 1:
        return []
    return [
        f"  {d.name}: {d.run_share:.2%} of the tokens (asked {d.asked_share:.2%}), "
        f"{d.run_rows:,} rows, {d.run_rows * d.rounds / max(d.epoch_rows, 1):.2f} times through it"
        for d in plan.datasets
    ]


def plan_table(plan: RunPlan) -> str:
    """Return the plan as a table for a terminal."""
    width = max(7, *(len(d.name) for d in plan.datasets))
    lines = [
        f"{'dataset':{width}} {'songs':>9} {'tokens':>15} {'rows':>9} {'an epoch':>9} "
        f"{'rounds':>7} {'asked':>8} {'share':>8}"
    ]
    lines += [
        f"{d.name:{width}} {d.documents:>9,} {d.tokens:>15,} {d.rows:>9,} {d.epoch_rows:>9,} "
        f"{d.rounds:>7.3f} {d.asked_share:>8.2%} {d.run_share:>8.2%}"
        for d in plan.datasets
    ]
    lines += [
        "",
        f"an epoch: {plan.epoch_tokens:,.0f} tokens in {plan.epoch_rows:,} rows of "
        f"{plan.context_length:,}, {plan.epoch_steps:,.2f} iterations of {plan.batch_size} rows",
        f"the run:  {plan.tokens:,} tokens in {plan.rows:,} rows ({plan.padding_share:.2%} "
        f"padding), {plan.steps:,} iterations, {plan.epochs:,.2f} epochs",
    ]
    return "\n".join(lines)

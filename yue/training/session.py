"""A run made ready in one process: the engine, the data and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.dataset.reader import TokenFiles
from yue.dataset.rows import PackedRows
from yue.lm.load import load_base
from yue.recipe.model import Train
from yue.tokens.roles import Role
from yue.training.batches import Batches, Share
from yue.training.engine import deepspeed_config, start_engine
from yue.training.job import Job
from yue.training.learnt import learnt_roles
from yue.training.lora import add_adapter
from yue.training.objective import Objective
from yue.training.schedule import Schedule, schedule_of, step_count
from yue.training.world import World


@dataclass(frozen=True, eq=False)
class Session:
    """What stays the same through a run.

    Attributes:
        engine: DeepSpeed's engine around ``objective``.
        objective: Token losses of the model with its adapter.
        world: The processes that train.
        train: The recipe's section.
        schedule: Learning rates of all steps.
        share: This process's share of the rows.
        batches: Training rows.
        valid: Held-out rows, or None.
    """

    engine: Any
    objective: Objective
    world: World
    train: Train
    schedule: Schedule
    share: Share
    batches: Batches
    valid: Batches | None

    @property
    def learning(self) -> int:
        """Number of weights that learn."""
        return sum(
            int(getattr(weight, "ds_numel", weight.numel()))
            for weight in self.objective.parameters()
            if weight.requires_grad
        )


def start_session(job: Job, world: World) -> Session:
    """Load model and data and start DeepSpeed.

    Raises:
        YueError: The model or the data cannot be used.
    """
    train, tokens = job.train, Path(job.tokens)
    files = TokenFiles.open(tokens / "train")
    rows = PackedRows(files, train.context_length, seed=train.seed)
    base = load_base(
        Path(job.base),
        dtype=job.model.dtype,
        device="cpu" if job.zero_stage == 3 else str(world.device),
        needed_rows=files.info.vocabulary_rows,
    )
    model = add_adapter(base, job.lora, base_path=job.model.path, seed=train.seed)
    if train.gradient_checkpointing:
        model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
    objective = Objective(model, sharded=job.zero_stage == 3)
    share = Share(world.rank, world.size, train.batch_size, train.micro_batch_size)
    config = deepspeed_config(
        train,
        zero_stage=job.zero_stage,
        micro_batches=share.micro_batches,
        dtype=job.model.dtype,
        device=job.device,
    )
    learnt = learnt_roles(train)
    return Session(
        engine=start_engine(objective, config, train),
        objective=objective,
        world=world,
        train=train,
        schedule=schedule_of(train, step_count(train, rows.epoch_rows(0))),
        share=share,
        batches=Batches(rows, learnt, world.device),
        valid=_held_out(tokens, train, learnt, world),
    )


def _held_out(tokens: Path, train: Train, learnt: tuple[Role, ...], world: World) -> Batches | None:
    if not (tokens / "valid.idx").is_file():
        return None
    files = TokenFiles.open(tokens / "valid")
    return Batches(PackedRows(files, train.context_length, seed=train.seed), learnt, world.device)

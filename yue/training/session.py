"""A run made ready in one process: the model with its adapter, the engine and the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import Checkpoint
from yue.checkpoints.snapshot import put_snapshot
from yue.costs.estimate import StepCost, step_cost
from yue.costs.memory import Setting
from yue.costs.speed import Machine, measure_machine
from yue.dataset.dataset_mix import Share, mix_rows, only, packed_rows
from yue.dataset.open_datasets import open_datasets
from yue.dataset.token_files import TokenFiles
from yue.distributed import World
from yue.lm.attention import BackendChoice, backend_of
from yue.lm.base_facts import MODES, ModelShape, read_shape
from yue.lm.forward import compile_blocks, set_checkpointing
from yue.lm.load import load_base
from yue.paths import index_cache
from yue.tokens.roles import Role
from yue.training.batches import Batches
from yue.training.engine import (
    deepspeed_config,
    device_memory,
    fitting_mode,
    should_compile,
    start_engine,
)
from yue.training.job import Job
from yue.training.lora import add_adapter, first_weights
from yue.training.losses import Objective
from yue.training.schedule import Schedule, schedule_of, step_count, trained_roles


@dataclass(frozen=True, eq=False)
class Session:
    """What stays the same through a run.

    Attributes:
        job: What is trained, and how.
        world: The processes that train.
        engine: DeepSpeed's engine around ``objective``.
        objective: Token losses of the model with its adapter.
        schedule: Learning rates of all steps.
        share: This process's share of the rows.
        batches: Training rows.
        valid: Held-out rows, or None.
        first: The adapter's first weights, where they are not zero.
        cost: Arithmetic of a forward and a backward pass.
        machine: What this process's device can do.
        how: Attention, checkpointing, compiler and loss, in words.
    """

    job: Job
    world: World
    engine: Any
    objective: Objective
    schedule: Schedule
    share: Share
    batches: Batches
    valid: Batches | None
    first: dict[str, Tensor] | None
    cost: StepCost
    machine: Machine
    how: str

    @property
    def trainable(self) -> int:
        """Number of trainable weights."""
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
    recipe, train, launch = job.recipe, job.recipe.train, job.recipe.launch
    datasets = open_datasets(recipe.mix, job.tokens / "train")
    rows = mix_rows(datasets, recipe.mix, train, index_cache(job.checkpoints))
    roles = trained_roles(train)
    sharded = launch.zero_stage == 3
    base = load_base(
        job.base,
        dtype=recipe.model.dtype,
        # ZeRO 3 puts each process's part on its device: 12.5 GB of a 7B model whole need not fit.
        device="cpu" if sharded else str(world.device),
        needed_rows=max(files.info.vocabulary_rows for files in datasets.values()),
        four_bits=recipe.lora.qlora,
    )
    model = add_adapter(base, recipe.lora, base_path=recipe.model.path, seed=train.seed)
    shape = read_shape(job.base)
    mode = _checkpointing(job, shape, world)
    set_checkpointing(model, mode)
    compiled = should_compile(train.compile, device=job.device, zero_stage=launch.zero_stage)
    if compiled:
        compile_blocks(model)
    kernel = "liger" if train.loss_kernel == "liger" else "compiled" if compiled else "eager"
    objective = Objective(model, sharded=sharded, kernel=kernel)
    share = Share(world.rank, world.size, train.batch_size, train.micro_batch_size)
    config = deepspeed_config(recipe, device=job.device, micro_batches=share.micro_batches)
    # Before the engine: ZeRO 3 leaves empty tensors in the place of weights.
    first = first_weights(model) if recipe.lora.init == "pissa" else None
    return Session(
        job=job,
        world=world,
        engine=start_engine(objective, config, recipe),
        objective=objective,
        schedule=schedule_of(train, step_count(train, rows.epoch_rows)),
        share=share,
        batches=Batches(rows, roles, world.device),
        valid=_held_out(job, roles, world),
        first=first,
        cost=step_cost(shape, recipe.lora),
        machine=measure_machine(world.device, recipe.model.dtype),
        how=_describe(backend_of(model.get_base_model()), mode, kernel, compiled=compiled),
    )


def restore(
    session: Session, checkpoints: Checkpoints, checkpoint: Checkpoint
) -> dict[str, Tensor]:
    """Put a session where a checkpoint is; every process must call it.

    Returns:
        The weights of the lowest held-out loss, by name; nothing where none were kept.

    Raises:
        TrainingError: The checkpoint is damaged, or of other weights.
    """
    snapshot, best = checkpoints.load(checkpoint)
    put_snapshot(session.engine, session.objective.model, snapshot)
    return best


def _checkpointing(job: Job, shape: ModelShape, world: World) -> str:
    """Return the recipe's mode, or of those that fit in every process the fastest."""
    train, launch = job.recipe.train, job.recipe.launch
    if train.gradient_checkpointing != "auto":
        return train.gradient_checkpointing
    setting = Setting(
        shape=shape,
        lora=job.recipe.lora,
        dtype=job.recipe.model.dtype,
        tokens=train.context_length * train.micro_batch_size,
        checkpointing=train.gradient_checkpointing,
        zero_stage=launch.zero_stage,
        processes=world.size,
        offload=launch.offload,
    )
    cuda = world.device.type == "cuda"
    free = device_memory(world.device) // (1 if cuda else world.size)
    place = MODES.index(fitting_mode(setting, free, cuda=cuda))
    return MODES[int(world.largest(place))]


def _describe(attention: BackendChoice, mode: str, kernel: str, *, compiled: bool) -> str:
    refused = "".join(f", not {name} ({why})" for name, why in attention.refused)
    return (
        f"attention by {attention.name}{refused}; gradient checkpointing {mode}; "
        f"{'compiled blocks' if compiled else 'not compiled'}; {kernel} loss"
    )


def _held_out(job: Job, roles: tuple[Role, ...], world: World) -> Batches | None:
    if not (job.tokens / "valid.idx").is_file():
        return None
    rows = packed_rows(TokenFiles.open(job.tokens / "valid"), job.recipe.train)
    return Batches(only("valid", rows), roles, world.device)

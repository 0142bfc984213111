"""A run made ready in one process: the engine, the data and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.snapshot import put_snapshot
from yue.checkpoints.stored_runs import Checkpoint
from yue.costs.estimate import StepCost, step_cost
from yue.costs.memory import Setting
from yue.costs.speed import Machine, measure_machine
from yue.dataset.dataset_mix import Share, mix_rows, only, open_datasets, packed_rows
from yue.dataset.token_files import TokenFiles
from yue.distributed import World
from yue.lm.attention import BackendChoice, backend_of
from yue.lm.base_facts import MODES, ModelShape, read_shape
from yue.lm.forward import compile_blocks, set_checkpointing
from yue.lm.load import load_base
from yue.paths import index_cache
from yue.recipe.model import Train
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
from yue.training.schedule import Schedule, learnt_roles, schedule_of, step_count


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
        first: The adapter's first weights, where they are not zero.
        sample_steps: Steps between samples, or None.
        cost: Arithmetic of a forward and a backward pass.
        machine: What this process's device can do.
        how: Attention, checkpointing, compiler and loss, in words.
    """

    engine: Any
    objective: Objective
    world: World
    train: Train
    schedule: Schedule
    share: Share
    batches: Batches
    valid: Batches | None
    first: dict[str, Tensor] | None
    sample_steps: int | None
    cost: StepCost
    machine: Machine
    how: str

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
    datasets = open_datasets(job.mix, tokens / "train")
    rows = mix_rows(datasets, job.mix, train, index_cache(Path(job.checkpoints).parent))
    base = load_base(
        Path(job.base),
        dtype=job.model.dtype,
        device="cpu" if job.zero_stage == 3 else str(world.device),
        needed_rows=max(files.info.vocabulary_rows for files in datasets.values()),
        four_bits=job.lora.qlora,
    )
    model = add_adapter(base, job.lora, base_path=job.model.path, seed=train.seed)
    shape = read_shape(Path(job.base))
    mode = _checkpointing(job, shape, world)
    set_checkpointing(model, mode)
    compiled = should_compile(train.compile, device=job.device, zero_stage=job.zero_stage)
    if compiled:
        compile_blocks(model)
    kernel = "liger" if train.loss_kernel == "liger" else "compiled" if compiled else "eager"
    objective = Objective(model, sharded=job.zero_stage == 3, kernel=kernel)
    share = Share(world.rank, world.size, train.batch_size, train.micro_batch_size)
    config = deepspeed_config(
        train,
        zero_stage=job.zero_stage,
        offload=job.offload,
        micro_batches=share.micro_batches,
        dtype=job.model.dtype,
        device=job.device,
    )
    learnt = learnt_roles(train)
    first = first_weights(model) if job.lora.init == "pissa" else None
    return Session(
        engine=start_engine(objective, config, train, lr_ratio=job.lora.lr_ratio),
        objective=objective,
        world=world,
        train=train,
        schedule=schedule_of(train, step_count(train, rows.epoch_rows)),
        share=share,
        batches=Batches(rows, learnt, world.device),
        valid=_held_out(tokens, train, learnt, world),
        first=first,
        sample_steps=job.logging.sample_steps,
        cost=step_cost(shape, job.lora),
        how=_how(backend_of(model.get_base_model()), mode, kernel, compiled=compiled),
        machine=measure_machine(world.device, job.model.dtype),
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
    """The recipe's, or what fits; every process takes what fits all."""
    wanted = job.train.gradient_checkpointing
    if wanted != "auto":
        return wanted
    setting = Setting(
        shape=shape,
        lora=job.lora,
        dtype=job.model.dtype,
        tokens=job.train.context_length * job.train.micro_batch_size,
        checkpointing=wanted,
        zero_stage=job.zero_stage,
        processes=world.size,
        offload=job.offload,
    )
    cuda = world.device.type == "cuda"
    free = device_memory(world.device) // (1 if cuda else world.size)
    place = MODES.index(fitting_mode(setting, free, cuda=cuda))
    return MODES[int(world.largest(place))]


def _how(attention: BackendChoice, mode: str, kernel: str, *, compiled: bool) -> str:
    refused = "".join(f", not {name} ({why})" for name, why in attention.refused)
    return (
        f"attention by {attention.name}{refused}; gradient checkpointing {mode}; "
        f"{'compiled blocks' if compiled else 'not compiled'}; {kernel} loss"
    )


def _held_out(tokens: Path, train: Train, learnt: tuple[Role, ...], world: World) -> Batches | None:
    if not (tokens / "valid.idx").is_file():
        return None
    rows = packed_rows(TokenFiles.open(tokens / "valid"), train)
    return Batches(only("valid", rows), learnt, world.device)

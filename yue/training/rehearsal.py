"""What a run would do, found out without doing it."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from yue.dataset.sampler import Share
from yue.training.command import launcher_command
from yue.training.engine import check_config, deepspeed_config
from yue.training.job import JobFolder
from yue.training.plan import Plan, RunSetup, other_runs, plan_run
from yue.training.stored import newest_checkpoint
from yue.wording import counted


def rehearse(setup: RunSetup) -> list[str]:
    """Check everything that can be checked without a model in memory, and put the run in words.

    Raises:
        YueError: Something cannot be used.
    """
    folder = JobFolder(setup.scratch / "JOB")
    plan = plan_run(setup, folder)
    train = setup.train
    steps = plan.steps
    config = _config(plan)
    os.environ.setdefault("DS_ACCELERATOR", plan.job.device)  # DeepSpeed warns without it
    check_config(config)
    names = ", ".join(f"{host.name} ({host.processes})" for host in plan.fleet.hosts)
    command = launcher_command(plan.fleet, ["yue.training.worker", str(folder.root)], None)
    lines = [
        f"train: {counted(steps, 'step')} of {train.batch_size} x {train.context_length} tokens, "
        f"{counted(plan.rows, 'row')} an epoch, {steps * train.batch_size / plan.rows:.2f} epochs",
        f"  learns: {', '.join(train.loss_on)}; rank {setup.lora.r} on "
        f"{_words(setup.lora.target_modules)}",
        f"  processes: {plan.fleet.processes} on {plan.job.device}: {names}",
        f"  starts: {shlex.join(command)}",
        f"  DeepSpeed: {json.dumps(config, sort_keys=True)}",
        f"  resumes: {_resumes(plan)}",
    ]
    return [*lines, *(f"  {line}" for line in other_runs(setup, plan)), "  nothing was started"]


def _config(plan: Plan) -> dict[str, object]:
    job, size = plan.job, plan.fleet.processes
    share = Share(0, size, job.train.batch_size, job.train.micro_batch_size)
    return deepspeed_config(
        job.train,
        zero_stage=job.zero_stage,
        offload=job.offload,
        micro_batches=share.micro_batches,
        dtype=job.model.dtype,
        device=job.device,
    )


def _resumes(plan: Plan) -> str:
    checkpoint = newest_checkpoint(Path(plan.job.checkpoints))
    return f"step {checkpoint.state.step}" if checkpoint else "nothing, it starts at step 0"


def _words(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)

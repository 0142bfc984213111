"""A training run from the outside: check, launch, collect, record; or say what it would do.

``run.json`` says where an adapter comes from, ``train.json`` how its training went.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.checkpoints.identity import machine, versions, write_identity
from yue.checkpoints.run_state import newest_checkpoint
from yue.checkpoints.stored_runs import continued_from
from yue.dataset.dataset_mix import Share
from yue.errors import TrainingError
from yue.files import value_digest, write_json
from yue.recipe.differences import deciding_values
from yue.temporary import temporary_folder
from yue.training.job import Job, JobFolder, write_job
from yue.training.launch import launcher_command, run_workers
from yue.training.outcome import Outcome
from yue.training.plan import Plan, other_runs, plan_run
from yue.wording import counted


@dataclass(frozen=True)
class Results:
    """What a finished run left, in a temporary folder.

    Attributes:
        adapter: PEFT folder with ``run.json``.
        metrics: ``train.json``.
        curves: Folder of ``.tsv`` files.
        outcome: How it went.
        checkpoints: The run's checkpoints, of no use once the results are in place.
    """

    adapter: Path
    metrics: Path
    curves: Path
    outcome: Outcome
    checkpoints: Path


class TrainingRun:
    """A run; use it as a context manager, which clears its temporary folder.

    Args:
        job: What to train.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder: JobFolder | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> TrainingRun:
        root = self._open.enter_context(temporary_folder(self._job.scratch / "train"))
        self._folder = JobFolder(root)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def train(self) -> Results | None:
        """Train to the end.

        Returns:
            What the run left; None on a host that does not lead and has done its part.

        Raises:
            YueError: Something cannot be used, training failed, or it was interrupted.
        """
        assert self._folder is not None
        folder = self._folder
        plan = plan_run(self._job)
        job = plan.job
        write_job(folder, job)
        if plan.fleet.leads:
            _write_identity(plan)
            for line in other_runs(plan):
                print(f"train: {line}", flush=True)
        log = job.run_folder / f"train-{plan.fleet.here}.log"
        outcome = run_workers(folder, plan.fleet, device=job.device, log=log)
        if outcome is None:
            return None
        if not outcome.finished:
            raise TrainingError(
                f"training was stopped at step {outcome.step} of {outcome.steps}; it is saved",
                fix="run the same command again to go on from there",
            )
        write_json(folder.adapter / "run.json", run_record(plan, outcome))
        write_json(folder.metrics, metrics(outcome))
        return Results(
            adapter=folder.adapter,
            metrics=folder.metrics,
            curves=job.curves or folder.curves,
            outcome=outcome,
            checkpoints=job.run_folder,
        )


def _write_identity(plan: Plan) -> None:
    """Write what the run is beside its checkpoints, for whoever finds them later."""
    folder = plan.job.run_folder
    folder.mkdir(parents=True, exist_ok=True)
    notes = {"recipe_name": plan.job.recipe_name, "steps": plan.steps}
    how = {"machine": _machine_record(plan), "builds": versions()}
    write_identity(folder, plan.identity, {**notes, **how})


def _machine_record(plan: Plan) -> dict[str, Any]:
    """Return the machine and what the run takes of it, as JSON values: no part of its identity."""
    launch = plan.job.recipe.launch
    return {
        **machine(),
        "device": plan.job.device,
        "processes": plan.fleet.processes,
        "hosts": len(plan.fleet.hosts),
        "zero_stage": launch.zero_stage,
        "offload": launch.offload,
    }


def run_record(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Return ``run.json`` as JSON values.

    Args:
        plan: What was to be done.
        outcome: How it went.
    """
    identity = plan.identity
    return {
        "recipe": identity.sections,
        "recipe_digest": value_digest(deciding_values(identity.sections)),
        "data_digest": identity.data,
        "base_digest": identity.base,
        "code_digest": value_digest(identity.code),
        "fingerprint": plan.job.fingerprint,
        "versions": {"python": platform.python_version(), **versions()},
        "machine": _machine_record(plan),
        "steps": outcome.step,
        "kept_step": outcome.kept_step,
        "resumed_from": outcome.resumed_from,
        "tokens_seen": outcome.tokens_seen,
        "learnt_tokens": outcome.learnt_tokens,
        "dataset_tokens": outcome.dataset_tokens,
        "wall_seconds": round(outcome.wall_seconds, 3),
        "codec": asdict(plan.codec),
        "layouts": plan.layouts,
        "recipe_name": plan.job.recipe_name,
        "continued_from": continued_from(plan.job.run_folder),
    }


def metrics(outcome: Outcome) -> dict[str, Any]:
    """Return ``metrics/train.json`` as JSON values."""
    speed = outcome.throughput
    return {
        "loss": outcome.loss,
        "valid_loss": outcome.valid_loss,
        "best_valid_loss": outcome.best_valid_loss,
        "kept_step": outcome.kept_step,
        "role_loss": outcome.role_loss,
        "steps": outcome.step,
        "tokens_seen": outcome.tokens_seen,
        "tokens_per_second": round(speed.tokens, 1),
        "useful_tokens_per_second": round(speed.useful_tokens, 1),
        "model_tflops_per_second": round(speed.tflops, 4),
        "mfu": speed.mfu,
        "mfu_of_measured": speed.mfu_probe,
        "spec_tflops": outcome.machine.spec,
        "measured_tflops": outcome.machine.probe,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "wall_seconds": round(outcome.wall_seconds, 3),
    }


def dry_run(job: Job) -> list[str]:
    """Check everything that can be checked without a model in memory, and put the run in words.

    Raises:
        YueError: Something cannot be used.
    """
    from yue.training.engine import check_config, deepspeed_config  # torch, which checks can spare

    plan = plan_run(job)
    recipe, train, fleet = plan.job.recipe, plan.job.recipe.train, plan.fleet
    share = Share(0, fleet.processes, train.batch_size, train.micro_batch_size)
    config = deepspeed_config(recipe, device=plan.job.device, micro_batches=share.micro_batches)
    os.environ.setdefault("DS_ACCELERATOR", plan.job.device)  # DeepSpeed warns without it
    check_config(config)
    modules = recipe.lora.target_modules
    names = ", ".join(f"{host.name} ({host.processes})" for host in fleet.hosts)
    command = launcher_command(fleet, ["yue.training.worker", str(job.scratch / "JOB")], None)
    newest = newest_checkpoint(plan.job.run_folder)
    resumes = f"step {newest.state.step}" if newest else "nothing, it starts at step 0"
    lines = [
        f"train: {counted(plan.steps, 'step')} of {train.batch_size} x {train.context_length} "
        f"tokens, {counted(plan.rows, 'row')} an epoch, "
        f"{plan.steps * train.batch_size / plan.rows:.2f} epochs",
        f"  learns: {', '.join(train.loss_on)}; rank {recipe.lora.r} on "
        f"{modules if isinstance(modules, str) else ', '.join(modules)}",
        f"  processes: {fleet.processes} on {plan.job.device}: {names}",
        f"  starts: {shlex.join(command)}",
        f"  DeepSpeed: {json.dumps(config, sort_keys=True)}",
        f"  resumes: {resumes}",
    ]
    return [*lines, *(f"  {line}" for line in other_runs(plan)), "  nothing was started"]

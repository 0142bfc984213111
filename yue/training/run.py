"""A training run from the outside: check, launch, collect, record.

``run.json``: where an adapter comes from.

A training run from the outside: check, launch, collect.
"""

from __future__ import annotations

import contextlib
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.checkpoints.identity import Identity, machine, versions, write_identity
from yue.checkpoints.stored_runs import continued_from
from yue.errors import TrainingError
from yue.files import value_digest, write_json
from yue.recipe.differences import deciding_values
from yue.recipe.model import Recipe
from yue.temporary import temporary_folder
from yue.training.hosts import Fleet
from yue.training.job import Job, JobFolder, write_job
from yue.training.launch import run_workers
from yue.training.outcome import Outcome
from yue.training.plan import Plan, RunSetup, other_runs, plan_run


def how_it_runs(job: Job, fleet: Fleet) -> dict[str, Any]:
    """The machine, and what the run takes of it, as JSON values: no part of what the run is."""
    return {
        **machine(),
        "device": job.device,
        "processes": fleet.processes,
        "hosts": len(fleet.hosts),
        "zero_stage": job.zero_stage,
        "offload": job.offload,
    }


def run_record(job: Job, outcome: Outcome, identity: Identity, fleet: Fleet) -> dict[str, Any]:
    """The record as JSON values.

    Args:
        job: What was to be done.
        outcome: How it went.
        identity: What decides the adapter.
        fleet: The hosts.
    """
    return {
        "recipe": identity.sections,
        "recipe_digest": value_digest(deciding_values(identity.sections)),
        "data_digest": identity.data,
        "base_digest": identity.base,
        "code_digest": value_digest(identity.code),
        "fingerprint": job.fingerprint,
        "versions": {"python": platform.python_version(), **versions()},
        "machine": how_it_runs(job, fleet),
        "steps": outcome.step,
        "kept_step": outcome.kept_step,
        "resumed_from": outcome.resumed_from,
        "tokens_seen": outcome.tokens_seen,
        "learnt_tokens": outcome.learnt_tokens,
        "dataset_tokens": outcome.dataset_tokens,
        "wall_seconds": round(outcome.wall_seconds, 3),
    }


def sampling_note(recipe: Recipe, root: Path) -> dict[str, Any]:
    """What samples while training are made with, as JSON values."""
    return {"root": str(root.resolve()), "recipe": asdict(recipe)}


def metrics(outcome: Outcome) -> dict[str, Any]:
    """``metrics/train.json`` as JSON values."""
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
        setup: What to train.
    """

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup
        self._folder: JobFolder | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> TrainingRun:
        root = self._open.enter_context(temporary_folder(self._setup.scratch / "train"))
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
        setup, folder = self._setup, self._folder
        plan = plan_run(setup, folder)
        job = plan.job
        write_job(folder, job)
        if job.logging.sample_steps is not None and setup.recipe is not None:
            write_json(folder.sampling, sampling_note(setup.recipe, setup.root))
        if plan.fleet.leads:
            _note_identity(plan, setup.recipe)
            for line in other_runs(setup, plan):
                print(f"train: {line}", flush=True)
        log = Path(job.checkpoints) / f"train-{plan.fleet.here}.log"
        outcome = run_workers(folder, plan.fleet, device=job.device, log=log)
        if outcome is None:
            return None
        if not outcome.finished:
            raise TrainingError(
                f"training was stopped at step {outcome.step} of {outcome.steps}; it is saved",
                fix="run the same command again to go on from there",
            )
        record = run_record(job, outcome, plan.identity, plan.fleet)
        record |= {"codec": asdict(plan.codec), "layouts": plan.layouts}
        record |= {"recipe_name": setup.recipe.name if setup.recipe else None}
        record |= {"continued_from": continued_from(Path(job.checkpoints))}
        write_json(folder.adapter / "run.json", record)
        write_json(folder.metrics, metrics(outcome))
        return Results(
            adapter=folder.adapter,
            metrics=folder.metrics,
            curves=Path(job.curves),
            outcome=outcome,
            checkpoints=Path(job.checkpoints),
        )


def _note_identity(plan: Plan, recipe: Recipe | None) -> None:
    """Write what the run is beside its checkpoints, for whoever finds them later."""
    folder = Path(plan.job.checkpoints)
    folder.mkdir(parents=True, exist_ok=True)
    how = how_it_runs(plan.job, plan.fleet)
    notes = {"recipe_name": recipe.name if recipe else None, "steps": plan.steps}
    write_identity(folder, plan.identity, {**notes, "machine": how, "builds": versions()})

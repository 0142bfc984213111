"""``run.json``: where an adapter comes from."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from yue.files import value_digest
from yue.recipe.deciding import deciding_values
from yue.recipe.model import Recipe
from yue.training.fleet import Fleet
from yue.training.identity import Identity, machine, versions
from yue.training.job import Job
from yue.training.outcome import Outcome


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

"""``run.json``: where an adapter comes from."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import Any

from yue.training.identity import versions
from yue.training.job import Job
from yue.training.outcome import Outcome


def run_record(
    job: Job, outcome: Outcome, digests: dict[str, str], processes: int
) -> dict[str, Any]:
    """The record as JSON values.

    Args:
        job: What was to be done.
        outcome: How it went.
        digests: Of the recipe's sections, the data and the base model.
        processes: Number of workers.
    """
    plain = asdict(job)
    return {
        "recipe": {name: plain[name] for name in ("model", "lora", "train")},
        **digests,
        "fingerprint": job.fingerprint,
        "versions": {"python": platform.python_version(), **versions()},
        "machine": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "device": job.device,
            "processes": processes,
            "zero_stage": job.zero_stage,
        },
        "steps": outcome.step,
        "resumed_from": outcome.resumed_from,
        "tokens_seen": outcome.tokens_seen,
        "learnt_tokens": outcome.learnt_tokens,
        "wall_seconds": round(outcome.wall_seconds, 3),
    }


def metrics(outcome: Outcome) -> dict[str, Any]:
    """``metrics/train.json`` as JSON values."""
    return {
        "loss": outcome.loss,
        "valid_loss": outcome.valid_loss,
        "role_loss": outcome.role_loss,
        "steps": outcome.step,
        "tokens_seen": outcome.tokens_seen,
        "tokens_per_second": round(outcome.tokens_per_second, 1),
        "useful_tokens_per_second": round(outcome.useful_tokens_per_second, 1),
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "wall_seconds": round(outcome.wall_seconds, 3),
    }

"""Curves while training, through DVCLive and, on request, Weights & Biases."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from yue.errors import TrainingError
from yue.training.job import Job
from yue.training.state import Point


class Curves(Protocol):
    """Where points go."""

    def log(self, point: Point) -> None:
        """Add a point."""

    def end(self) -> None:
        """Close."""


class DvcLive:
    """DVCLive's ``.tsv`` files, one for each curve, keyed by the optimizer step.

    Args:
        folder: DVCLive's folder.
    """

    def __init__(self, folder: Path) -> None:
        from dvclive import Live

        # Nothing but the files: as it comes, DVCLive edits dvc.yaml and makes experiments.
        self._live = Live(
            str(folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False
        )

    def log(self, point: Point) -> None:
        """Add a point."""
        self._live.step = point.step
        for name, value in point.values.items():
            self._live.log_metric(name, value)

    def end(self) -> None:
        """Close."""
        self._live.end()


class WeightsAndBiases:
    """A run on wandb.ai, or in offline mode (``WANDB_MODE=offline``) a folder to sync later.

    Args:
        job: The job; its fingerprint is the run's id, so that a resumed run is the same run.

    Raises:
        TrainingError: The package is not installed, or the service refuses.
    """

    def __init__(self, job: Job) -> None:
        try:
            wandb = importlib.import_module("wandb")
        except ImportError as error:
            raise TrainingError(
                "logging.wandb is on, but the package wandb is not installed",
                fix="pip install wandb, or set logging.wandb: false",
            ) from error
        try:
            self._run: Any = wandb.init(
                project=job.logging.wandb_project,
                id=job.fingerprint[:32],
                resume="allow",
                config={name: asdict(job)[name] for name in ("model", "lora", "train")},
            )
        except Exception as error:  # the package's errors have no common parent
            raise TrainingError(
                f"Weights & Biases refuses the run: {error}",
                fix="run `wandb login`, set WANDB_MODE=offline, or set logging.wandb: false",
            ) from error

    def log(self, point: Point) -> None:
        """Add a point."""
        self._run.log(point.values, step=point.step)

    def end(self) -> None:
        """Close."""
        self._run.finish()


class Several:
    """Several at once.

    Args:
        curves: All of them.
    """

    def __init__(self, curves: list[Curves]) -> None:
        self._curves = curves

    def log(self, point: Point) -> None:
        """Add a point to each."""
        for curves in self._curves:
            curves.log(point)

    def end(self) -> None:
        """Close each."""
        for curves in self._curves:
            curves.end()


def open_curves(job: Job, folder: Path, earlier: list[Point]) -> Curves:
    """The curves of a job, with the points of the runs before this one.

    Args:
        job: The job.
        folder: DVCLive's folder.
        earlier: Points from the checkpoint.
    """
    local = DvcLive(folder)
    for point in earlier:
        local.log(point)
    return Several([local, *([WeightsAndBiases(job)] if job.logging.wandb else [])])

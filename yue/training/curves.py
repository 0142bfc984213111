"""What the user sees of a run: console lines, and its curves while it trains.

Curves are DVCLive's files, and on request TensorBoard and Weights & Biases.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from yue.checkpoints.run_state import Point, RunState
from yue.costs.speed import Throughput
from yue.errors import TrainingError, missing_package
from yue.progress import duration
from yue.training.job import Job, JobFolder
from yue.training.losses import Losses


def step_line(
    step: int,
    steps: int,
    losses: Losses,
    *,
    rate: float,
    speed: Throughput,
    seconds_left: float,
) -> str:
    """Return the line of a logging step.

    Args:
        step: Optimizer steps done.
        steps: All steps.
        losses: Since the line before.
        rate: Learning rate.
        speed: So far.
        seconds_left: Until the last step.
    """
    # Of the data sheet where there is one, else of the products measured at the start.
    if speed.mfu is not None:
        share = f"  MFU {speed.mfu:.1%}"
    else:
        share = "" if speed.mfu_probe is None else f"  MFU {speed.mfu_probe:.0%} of measured"
    return (
        f"  step {step}/{steps}  {losses_text(losses)}  lr {rate:.2e}  {speed.tokens:,.0f} tok/s"
        f"{share}  {duration(seconds_left)} left"
    )


def losses_text(losses: Losses) -> str:
    """Return ``loss 4.321 (vocal 4.100, instrumental 4.542)``."""
    roles = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.roles.items())
    return f"loss {losses.mean:.3f} ({roles})" if losses.tokens else "loss - (nothing learnt)"


class Curves(Protocol):
    """Where points go."""

    def log(self, point: Point) -> None:
        """Add a point."""

    def end(self) -> None:
        """Close."""


class DvcLive:
    """DVCLive's ``.tsv`` files, one for each curve, keyed by the optimizer step.

    Args:
        folder: DVCLive's own folder.
        curves: Where the files lie, from the first point on; what is there goes.
    """

    def __init__(self, folder: Path, curves: Path) -> None:
        from dvclive import Live

        class Files(Live):  # type: ignore[misc]
            """Nothing but the files.

            As it comes, DVCLive opens the project, fails in a git repository without a commit, and
            makes a DVC project of one that was none.
            """

            def _init_dvc(self) -> None:
                self._dvc_file = "dvc.yaml"

        # Nor does it edit dvc.yaml and make experiments.
        self._live = Files(
            str(folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False
        )
        shutil.rmtree(curves, ignore_errors=True)
        curves.mkdir(parents=True)
        # DVCLive has its files two folders down; DVC shows them where dvc.yaml says.
        inner = folder / "plots" / "metrics"
        inner.parent.mkdir(parents=True, exist_ok=True)
        inner.symlink_to(curves.resolve(), target_is_directory=True)

    def log(self, point: Point) -> None:
        """Add a point."""
        self._live.step = point.step
        for name, value in point.values.items():
            self._live.log_metric(name, value)

    def end(self) -> None:
        """Close."""
        self._live.end()


class TensorBoard:
    """Event files for ``tensorboard --logdir``.

    Args:
        folder: Where they go.
        step: The step to go on from; later points of an earlier run are hidden.

    Raises:
        TrainingError: The package is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        try:
            tensorboard = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise missing_package("tensorboard") from error
        self._writer: Any = tensorboard.SummaryWriter(str(folder), purge_step=step + 1)

    def log(self, point: Point) -> None:
        """Add a point."""
        for name, value in point.values.items():
            self._writer.add_scalar(name, value, point.step)
        self._writer.flush()

    def end(self) -> None:
        """Close."""
        self._writer.close()


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
            raise missing_package("wandb") from error
        job.watch.mkdir(parents=True, exist_ok=True)
        try:
            self._run: Any = wandb.init(
                project=job.recipe.logging.wandb_project,
                id=job.fingerprint[:32],
                resume="allow",
                dir=str(job.watch),
                config={name: asdict(job.recipe)[name] for name in ("model", "lora", "train")},
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


def open_curves(job: Job, folder: JobFolder, state: RunState) -> Curves:
    """Open the curves of a job, with the points of the runs before this one.

    Args:
        job: The job.
        folder: Where DVCLive has its own files.
        state: Where the run goes on from.
    """
    curves: list[Curves] = [DvcLive(folder.live, job.curves or folder.curves)]
    for point in state.points:  # the others have theirs already
        curves[0].log(point)
    if job.recipe.logging.tensorboard:
        curves.append(TensorBoard(job.watch / "tensorboard", state.step))
    if job.recipe.logging.wandb:
        curves.append(WeightsAndBiases(job))
    return Several(curves)

"""Curves, as DVC reads them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.jobs import vary
from yue.checkpoints.run_state import Point, RunState
from yue.errors import TrainingError
from yue.training.curves import open_curves
from yue.training.job import Job, JobFolder


def logging(job: Job, **changes: object) -> Job:
    return vary(job, logging=dataclasses.replace(job.recipe.logging, **changes))


def test_curves_are_keyed_by_the_optimizer_step_from_the_first_run_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    stale = job.curves / "old.tsv"
    stale.parent.mkdir()
    stale.touch()
    earlier = [Point(5, {"loss": 3.5, "loss_vocal": 3.0})]
    curves = open_curves(job, JobFolder(tmp_path), RunState(step=5, points=earlier))
    curves.log(Point(10, {"loss": 2.5}))
    folder = job.curves
    # They are there while training.
    assert (folder / "loss.tsv").read_text().split() == ["step", "loss", "5", "3.5", "10", "2.5"]
    curves.log(Point(10, {"valid_loss": 2.75}))
    curves.end()
    assert (folder / "valid_loss.tsv").read_text().split() == ["step", "valid_loss", "10", "2.75"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "loss.tsv",
        "loss_vocal.tsv",
        "valid_loss.tsv",
    ]
    # As it comes, DVCLive rewrites the project's dvc.yaml.
    assert (tmp_path / "dvc.yaml").read_text() == "stages: {}\n"


def test_weights_and_biases_that_is_not_installed_is_named(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrainingError, match="wandb is not installed"):
        open_curves(logging(job, wandb=True), JobFolder(tmp_path), RunState())


def test_tensorboard_that_is_not_installed_is_named(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match="tensorboard is not installed"):
        open_curves(logging(job, tensorboard=True), JobFolder(tmp_path), RunState())


def test_weights_and_biases_gets_every_point(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    class Run:
        def log(self, values: dict[str, float], step: int) -> None:
            seen.append((step, values))

        def finish(self) -> None:
            seen.append("finished")

    module = type(sys)("wandb")
    module.init = lambda **options: seen.append(options) or Run()
    monkeypatch.setitem(sys.modules, "wandb", module)
    job = logging(job, wandb=True, wandb_project="songs")
    curves = open_curves(job, JobFolder(tmp_path), RunState())
    curves.log(Point(1, {"loss": 2.0}))
    curves.end()
    options = seen[0]
    assert isinstance(options, dict)
    assert (options["project"], options["resume"]) == ("songs", "allow")
    assert options["config"]["lora"]["r"] == 4
    assert seen[1:] == [(1, {"loss": 2.0}), "finished"]


def test_a_run_goes_to_real_weights_and_biases_offline(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    curves = open_curves(logging(job, wandb=True), JobFolder(tmp_path), RunState())
    curves.log(Point(2, {"loss": 1.5, "loss_vocal": 1.25}))
    curves.log(Point(4, {"loss": 1.0}))
    curves.end()
    (file,) = job.watch.glob("wandb/offline-run-*/run-*.wandb")
    assert b"loss_vocal" in file.read_bytes()


def test_a_run_goes_to_real_tensorboard_and_hides_what_a_resume_repeats(
    job: Job, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    job = logging(job, tensorboard=True)
    for state, steps in ((RunState(), (2, 4, 6)), (RunState(step=4), (6, 8))):
        curves = open_curves(job, JobFolder(tmp_path), state)
        for step in steps:
            curves.log(Point(step, {"loss": 1.0 / step}))
        curves.end()
        (tmp_path / "live" / "plots" / "metrics").unlink()
    events = EventAccumulator(str(job.watch / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [
        (step, pytest.approx(1 / step)) for step in (2, 4, 6, 8)
    ]


def test_training_rooms_are_imported_without_torch_for_the_stage() -> None:
    code = "import sys, yue.stages.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Checkpoints are complete or absent, and one run's own."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
import torch

from yue.errors import TrainingError
from yue.training.checkpoint import Checkpoints
from yue.training.state import Point, RunState
from yue.training.world import World

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


class Engine:
    """Writes and finds one file, as DeepSpeed does several."""

    def save_checkpoint(self, folder: str, tag: str, **_: object) -> None:
        (Path(folder) / tag).mkdir()
        (Path(folder) / tag / "weights.pt").write_bytes(b"x" * 1000)

    def load_checkpoint(self, folder: str, tag: str, **_: object) -> tuple[str, None]:
        self.loaded = (Path(folder) / tag / "weights.pt").read_bytes()
        return folder, None


class FullDisk(Engine):
    def save_checkpoint(self, folder: str, tag: str, **_: object) -> None:
        super().save_checkpoint(folder, tag)
        raise OSError(28, "No space left on device")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "run", ALONE)


def test_the_newest_is_found_with_its_state(checkpoints: Checkpoints) -> None:
    engine = Engine()
    assert checkpoints.newest() is None
    for step in (2, 10):
        points = [Point(step, {"loss": 1.5})]
        checkpoints.save(engine, RunState(step=step, tokens_seen=100 * step, points=points))
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state == RunState(step=10, tokens_seen=1000, points=[Point(10, {"loss": 1.5})])
    checkpoints.load(engine, newest)
    assert engine.loaded == b"x" * 1000


def test_an_older_one_is_kept_until_the_newer_is_complete(checkpoints: Checkpoints) -> None:
    checkpoints.save(Engine(), RunState(step=2))
    with pytest.raises(TrainingError, match=r"cannot write a checkpoint .*No space"):
        checkpoints.save(FullDisk(), RunState(step=4))
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state.step == 2
    checkpoints.save(Engine(), RunState(step=6))
    assert [p.name for p in checkpoints.folder.iterdir() if p.is_dir()] == ["step-00000006"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "no list", "bad list"])
def test_one_that_is_not_complete_is_passed_over(checkpoints: Checkpoints, damage: str) -> None:
    checkpoints.save(Engine(), RunState(step=2))
    folder = checkpoints.folder / "step-00000002"
    file = folder / "deepspeed" / "weights.pt"
    if damage == "truncated":
        file.write_bytes(b"x" * 999)
    elif damage == "missing":
        file.unlink()
    elif damage == "no list":
        (folder / "complete.json").unlink()
    else:
        (folder / "complete.json").write_text('{"files": ')
    assert checkpoints.newest() is None


def test_a_second_run_of_the_same_training_is_refused(checkpoints: Checkpoints) -> None:
    checkpoints.folder.mkdir(parents=True)
    with (checkpoints.folder / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TrainingError, match="running already"):
            checkpoints.lock(wait=0.1)
    checkpoints.lock()


def test_what_a_killed_run_left_half_written_is_cleared(checkpoints: Checkpoints) -> None:
    half = checkpoints.folder / "step-00000004.tmp"
    half.mkdir(parents=True)
    checkpoints.lock()
    assert not half.exists()

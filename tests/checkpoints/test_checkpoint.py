"""Checkpoints are complete or absent, and one run's own."""

from __future__ import annotations

import fcntl
import json
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import Point, RunState
from yue.checkpoints.snapshot import MOMENTS, Snapshot
from yue.distributed import World
from yue.errors import TrainingError
from yue.files import write_json

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


def snapshot(step: int = 1) -> Snapshot:
    """Of one weight, whose numbers say the step."""
    moments = {kind: {"weight": torch.full((3,), step / 8)} for kind in MOMENTS}
    return Snapshot({"weight": torch.full((3,), float(step))}, moments, step)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 200 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "run", ALONE)


def test_the_newest_is_found_with_its_state(checkpoints: Checkpoints) -> None:
    assert checkpoints.newest() is None
    for step in (2, 10):
        points = [Point(step, {"loss": 1.5})]
        state = RunState(step=step, tokens_seen=100 * step, points=points)
        checkpoints.save(snapshot(step), state, {"weight": torch.zeros(3)})
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state == RunState(step=10, tokens_seen=1000, points=[Point(10, {"loss": 1.5})])
    found, best = checkpoints.load(newest)
    assert found.steps == 10
    assert torch.equal(found.weights["weight"], torch.full((3,), 10.0))
    assert torch.equal(found.moments["exp_avg_sq"]["weight"], torch.full((3,), 10 / 8))
    assert torch.equal(best["weight"], torch.zeros(3))


def test_an_older_one_is_kept_until_the_newer_is_complete(
    checkpoints: Checkpoints, request: pytest.FixtureRequest
) -> None:
    checkpoints.save(snapshot(), RunState(step=2))
    request.getfixturevalue("full_disk")
    with pytest.raises(TrainingError, match=r"cannot write a checkpoint .*File too large"):
        checkpoints.save(snapshot(), RunState(step=4))
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state.step == 2


def test_the_older_one_goes_when_the_newer_is_complete(checkpoints: Checkpoints) -> None:
    checkpoints.save(snapshot(), RunState(step=2))
    checkpoints.save(snapshot(), RunState(step=6))
    assert [p.name for p in checkpoints.folder.iterdir() if p.is_dir()] == ["step-00000006"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "no list", "bad list", "old"])
def test_one_that_is_not_complete_is_passed_over(checkpoints: Checkpoints, damage: str) -> None:
    checkpoints.save(snapshot(), RunState(step=2))
    folder = checkpoints.folder / "step-00000002"
    file = folder / "weights.safetensors"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "missing":
        file.unlink()
    elif damage == "no list":
        (folder / "complete.json").unlink()
    elif damage == "old":
        listing = json.loads((folder / "complete.json").read_text())
        del listing["format"]
        write_json(folder / "complete.json", listing)
    else:
        (folder / "complete.json").write_text('{"files": ')
    assert checkpoints.newest() is None


def test_damage_within_a_file_is_told_with_the_command_that_begins_anew(
    checkpoints: Checkpoints,
) -> None:
    checkpoints.save(snapshot(), RunState(step=2))
    file = checkpoints.folder / "step-00000002" / "exp_avg.safetensors"
    file.write_bytes(b"\xff" * file.stat().st_size)
    newest = checkpoints.newest()
    assert newest is not None
    with pytest.raises(TrainingError, match=r"cannot read(?s:.*)yue checkpoints remove run"):
        checkpoints.load(newest)


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

"""How far a run has come, as its folder says: its state, its complete checkpoints, its lock.

A checkpoint is a folder ``step-00000040`` whose ``complete.json`` lists every file with its size,
and the run's state. No torch here: listing and adopting checkpoints must not wait for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from yue.errors import TrainingError, YueError
from yue.files import read_json

COMPLETE = "complete.json"
"""What a checkpoint is complete with: its files' sizes and the run's state."""
FORMAT = 2
"""Of a checkpoint. 1 was DeepSpeed's own, of one number of processes and ZeRO stage."""
SHORT = 12
"""Characters of a run's id that are shown: of 16^12 ids, two of a folder hardly begin alike."""
_STEP = re.compile(r"step-[0-9]{8,}")
_LOCK = "lock"


@dataclass(frozen=True)
class Point:
    """One point of the curves.

    Attributes:
        step: Optimizer steps done.
        values: By name of the curve.
    """

    step: int
    values: dict[str, float]


@dataclass
class RunState:
    """Where a run is.

    Attributes:
        step: Optimizer steps done.
        tokens_seen: Tokens read.
        learnt_tokens: Tokens that had a loss.
        seconds: Time of the runs before this one.
        points: The curves so far.
        sums: Losses since the last log line, see :class:`yue.training.losses.Tally`.
        validated: The step of the last validation, -1 before the first.
        sampled: The step of the last samples, -1 before the first.
        best_step: The step of the lowest held-out loss, -1 before the first.
        best_loss: That loss.
        stale: Validations since then.
    """

    step: int = 0
    tokens_seen: int = 0
    learnt_tokens: int = 0
    seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)
    validated: int = -1
    sampled: int = -1
    best_step: int = -1
    best_loss: float = 0.0
    stale: int = 0

    def last(self, name: str) -> float | None:
        """Return the last value of a curve, or None."""
        return next((p.values[name] for p in reversed(self.points) if name in p.values), None)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def state_of(value: dict[str, Any]) -> RunState:
    """Build a state from JSON values.

    Raises:
        KeyError, TypeError: They are not those of a state.
    """
    points = [Point(point["step"], dict(point["values"])) for point in value["points"]]
    state = RunState(**{**value, "points": points})
    for name, default in vars(RunState()).items():
        found = getattr(state, name)
        if type(found) is not type(default) and not (type(default), type(found)) == (float, int):
            raise TypeError(f"{name} is {found!r:.40}")
    return state


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        folder: Where it is.
        state: How far the run had come.
    """

    folder: Path
    state: RunState


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the complete checkpoint of the highest step in a run's folder, or None."""
    found = [found for path in step_folders(folder) if (found := read_checkpoint(path))]
    return max(found, key=lambda checkpoint: checkpoint.state.step, default=None)


def step_folders(folder: Path) -> list[Path]:
    """List a run's checkpoints, complete or not; copies by other names are the user's."""
    return [path for path in folder.glob("step-*") if _STEP.fullmatch(path.name)]


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Read a checkpoint; None if it is not complete or of an older format."""
    try:
        listing = read_json(folder / COMPLETE)
        sizes = {name: (folder / name).stat().st_size for name in listing["files"]}
        if sizes != listing["files"] or listing["format"] != FORMAT:
            return None
        return Checkpoint(folder, state_of(listing["state"]))
    except (AttributeError, KeyError, TypeError, ValueError, OSError, YueError):
        return None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a run out of its folder.

    Raises:
        TrainingError: It is in there.
    """
    lock = take_lock(folder)
    if lock is None:
        raise TrainingError(
            f"checkpoint {folder.name[:SHORT]} is of a training that is running",
            why=f"another process has locked {folder}",
            fix="wait until it ends, or stop it (Ctrl-C: it saves first)",
        )
    with lock:
        yield


def take_lock(folder: Path) -> IO[str] | None:
    """Lock a run's folder, which is made, until the file that is returned is closed.

    Returns:
        None where another process has it, or had it a moment ago and removed the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / _LOCK).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), (folder / _LOCK).stat()):
            return file
    except OSError:
        pass
    file.close()
    return None

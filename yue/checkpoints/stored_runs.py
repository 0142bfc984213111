"""Runs that lie in a folder of checkpoints, each in a folder named by its identity; no torch here.

A run's folder has its newest complete checkpoint (``step-00000040``), the record of what the run is
(``identity.json``), its log, a lock while it runs, and ``continued.json`` where it went on from
another run's checkpoint.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from yue.checkpoints.identity import Identity, read_identity
from yue.checkpoints.run_state import RunState, state_of
from yue.errors import TrainingError, UsageError, YueError
from yue.files import read_json, write_json

COMPLETE = "complete.json"
"""What a checkpoint is complete with: its files' sizes and the run's state."""
FORMAT = 2
"""Of a checkpoint. 1 was DeepSpeed's own, of one number of processes and ZeRO stage."""
_RUN = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(r"step-[0-9]{8,}")
_CONTINUED = "continued.json"
_LOCK = "lock"
_NEW_KEY = "a recipe key that only one of the two versions of yue knows, at its default"
_SHORT = 12  # characters of an id that are shown, and usually enough


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        folder: Where it is.
        state: How far the run had come.
    """

    folder: Path
    state: RunState


@dataclass(frozen=True)
class StoredRun:
    """A run that has not finished.

    Attributes:
        folder: Where it is, named by its fingerprint.
        identity: What it is; None where an older version wrote it.
        notes: What else its record says: recipe_name, steps, machine.
        checkpoint: Its newest; None before the first, or where an older version wrote it.
        step: Of its newest checkpoint, of whatever format; 0 before the first.
    """

    folder: Path
    identity: Identity | None
    notes: dict[str, Any]
    checkpoint: Checkpoint | None
    step: int

    @property
    def id(self) -> str:
        """What it is called in commands."""
        return self.folder.name[:_SHORT]

    @property
    def size(self) -> int:
        """Bytes on the disk; files that go meanwhile, since it is running, count nothing."""
        return sum(
            found.st_size
            for path in self.folder.rglob("*")
            if (found := _status(path)) is not None and stat.S_ISREG(found.st_mode)
        )

    @property
    def age(self) -> float:
        """Seconds since it was last written."""
        places = map(_status, (self.folder, *self.folder.glob("*")))
        return time.time() - max((found.st_mtime for found in places if found), default=0.0)

    @property
    def is_older(self) -> bool:
        """Whether its checkpoint is of a format that this version does not read."""
        return self.step > 0 and (self.checkpoint is None or self.identity is None)

    def obstacle(self, identity: Identity, steps: int) -> str | None:
        """Why a run cannot go on from its checkpoint; None where it can.

        Args:
            identity: Of the run that would go on.
            steps: Its optimizer steps in all.
        """
        if self.identity is None or self.checkpoint is None:
            return "an older version of yue wrote it" if self.step else "it has saved nothing"
        if self.step > steps:
            return f"it is beyond this run's {steps} steps"
        return identity.obstacle_to(self.identity)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The complete checkpoint of the highest step in a run's folder, or None."""
    found = [found for path in step_folders(folder) if (found := _read(path))]
    return max(found, key=lambda checkpoint: checkpoint.state.step, default=None)


def step_folders(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, complete or not; copies by other names are the user's."""
    return [path for path in folder.glob("step-*") if _STEP.fullmatch(path.name)]


def stored_runs(folder: Path) -> list[StoredRun]:
    """All runs in a folder of checkpoints, the one written last first.

    What else lies there (folders of other names, links) is the user's own.
    """
    if not folder.is_dir():
        return []
    names = (path for path in folder.iterdir() if _RUN.fullmatch(path.name))
    runs = [_stored(path) for path in names if path.is_dir() and not path.is_symlink()]
    return sorted(runs, key=lambda run: run.age)


def find_run(folder: Path, name: str) -> StoredRun:
    """The run that a user names by the start of its id.

    Raises:
        UsageError: No run has that name, or several.
    """
    runs = stored_runs(folder)
    found = [run for run in runs if run.folder.name.startswith(name)] if name else []
    if len(found) != 1:
        raise UsageError(
            f"{'several checkpoints begin' if found else 'no checkpoint begins'} with '{name}'",
            why=f"in {folder} are {', '.join(run.id for run in runs) or 'none'}",
            fix="yue checkpoints   # lists them",
        )
    return found[0]


def continue_from(run: StoredRun, target: Path, identity: Identity, steps: int) -> None:
    """Let a run begin at another's checkpoint, which stays where it is.

    Args:
        run: The other.
        target: The folder of the run that is to go on.
        identity: Of that run.
        steps: Its optimizer steps in all.

    Raises:
        TrainingError: It has a checkpoint of its own, it runs, or it cannot go on from this one.
    """
    obstacle = run.obstacle(identity, steps)
    if obstacle is not None or run.identity is None or run.checkpoint is None:
        raise TrainingError(
            f"the active recipe cannot go on from checkpoint {run.id} (step {run.step})",
            why=obstacle or "",
            fix="yue checkpoints   # lists all, and what differs",
        )
    if run.folder == target:
        return
    with _new_folder(target), locked(target):
        own = newest_checkpoint(target)
        if own is not None:
            if (continued_from(target) or {}).get("checkpoint") == run.folder.name:
                return  # the same command again
            raise TrainingError(
                f"the active recipe has a checkpoint of its own, at step {own.state.step}",
                fix=f"go on from that one, or remove it: yue checkpoints remove {target.name[:12]}",
            )
        source = run.checkpoint.folder
        temporary = target / f"{source.name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            shutil.copytree(source, temporary, copy_function=_link)
        except FileNotFoundError as error:
            raise _moved_on(run) from error
        except shutil.Error as error:
            if not source.exists():
                raise _moved_on(run) from error
            raise
        if _read(temporary) is None:
            raise _moved_on(run)
        write_json(
            target / _CONTINUED,
            {
                "checkpoint": run.folder.name,
                "step": run.step,
                "differences": identity.differences_from(run.identity),
                "continued_from": continued_from(run.folder),
            },
        )
        temporary.rename(target / source.name)


def continued_from(folder: Path) -> dict[str, Any] | None:
    """Which checkpoint of another run a run began with, or None."""
    try:
        record = read_json(folder / _CONTINUED)
    except (OSError, YueError):
        return None
    return record if isinstance(record, dict) else None


def forget_continued(folder: Path) -> None:
    """Remove the note of a checkpoint that is no longer there to go on from."""
    (folder / _CONTINUED).unlink(missing_ok=True)


def remove_run(run: StoredRun) -> None:
    """Remove a run and what it saved.

    Raises:
        TrainingError: It is running.
    """
    with locked(run.folder):
        shutil.rmtree(run.folder)


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """Leave no folder of a run behind that nothing was put into."""
    made = not folder.exists()
    try:
        yield
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _moved_on(run: StoredRun) -> TrainingError:
    return TrainingError(
        f"checkpoint {run.id} at step {run.step} went while it was read",
        why="its training is running and has saved a newer one, or it was removed",
        fix="yue checkpoints   # lists those that are there now",
    )


def _status(path: Path) -> os.stat_result | None:
    """What the system says of a path, not of where a link leads; None once it is gone."""
    try:
        return path.lstat()
    except OSError:
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
            f"checkpoint {folder.name[:_SHORT]} is of a training that is running",
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


def describe_others(
    runs: Sequence[StoredRun], identity: Identity, steps: int, command: str
) -> list[str]:
    """Say what a run that starts at step 0 should know of others on the same songs and base model.

    Args:
        runs: All runs in its folder of checkpoints.
        identity: Of the run.
        steps: Its optimizer steps in all.
        command: What goes on from one, with ``{id}`` in it.
    """
    lines = []
    for run in runs:
        if run.folder.name == identity.fingerprint or not run.step:
            continue
        if run.identity is None or run.checkpoint is None:
            lines += [
                f"checkpoint {run.id} at step {run.step} is of an older version of yue",
                "  finish it with that version, or remove it: yue checkpoints remove " + run.id,
            ]
        elif (run.identity.data, run.identity.base) == (identity.data, identity.base):
            obstacle = run.obstacle(identity, steps)
            differences = identity.differences_from(run.identity) or [_NEW_KEY]
            fix = f"cannot go on from it: {obstacle}"
            lines += [
                f"checkpoint {run.id} of the same songs and base model is at step {run.step} "
                f"of {run.notes.get('steps', '?')}; what differs:",
                *(f"    {difference}" for difference in differences),
                f"  {fix if obstacle else 'go on from it: ' + command.format(id=run.id)}",
            ]
    return lines


def _stored(folder: Path) -> StoredRun:
    found = read_identity(folder)
    identity, notes = found if found else (None, {})
    checkpoint = newest_checkpoint(folder)
    steps = [int(path.name[5:]) for path in step_folders(folder)]
    step = checkpoint.state.step if checkpoint else max(steps, default=0)
    return StoredRun(folder, identity, notes, checkpoint, step)


def _link(source: str, target: str) -> None:
    """A second name of a file that nobody writes into, or a copy."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _read(folder: Path) -> Checkpoint | None:
    """A checkpoint, or None if it is not complete or of an older format."""
    try:
        listing = read_json(folder / COMPLETE)
        sizes = {name: (folder / name).stat().st_size for name in listing["files"]}
        if sizes != listing["files"] or listing["format"] != FORMAT:
            return None
        return Checkpoint(folder, state_of(listing["state"]))
    except (AttributeError, KeyError, TypeError, ValueError, OSError, YueError):
        return None

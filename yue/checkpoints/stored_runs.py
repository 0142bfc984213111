"""Runs that lie in a folder of checkpoints, each in a folder named by its identity; no torch here.

A run's folder has its newest complete checkpoint (``step-00000040``), the record of what the run is
(``identity.json``), its log, a lock while it runs, and ``continued.json`` where it went on from
another run's checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.checkpoints.identity import Identity, read_identity
from yue.checkpoints.run_state import (
    SHORT,
    Checkpoint,
    locked,
    newest_checkpoint,
    read_checkpoint,
    step_folders,
)
from yue.errors import TrainingError, UsageError, YueError
from yue.files import read_json, write_json

_RUN = re.compile(r"[0-9a-f]{64}")
_CONTINUED = "continued.json"
_NEW_KEY = "a recipe key that only one of the two versions of yue knows, at its default"


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
        return self.folder.name[:SHORT]

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
        """Say why a run cannot go on from its checkpoint; None where it can.

        Args:
            identity: Of the run that would go on.
            steps: Its optimizer steps in all.
        """
        if self.identity is None or self.checkpoint is None:
            return "an older version of yue wrote it" if self.step else "it has saved nothing"
        if self.step > steps:
            return f"it is beyond this run's {steps} steps"
        return identity.obstacle_to(self.identity)


def stored_runs(folder: Path) -> list[StoredRun]:
    """List all runs in a folder of checkpoints, the one written last first.

    What else lies there (folders of other names, links) is the user's own.
    """
    if not folder.is_dir():
        return []
    names = (path for path in folder.iterdir() if _RUN.fullmatch(path.name))
    runs = [_stored_run(path) for path in names if path.is_dir() and not path.is_symlink()]
    return sorted(runs, key=lambda run: run.age)


def find_run(folder: Path, name: str) -> StoredRun:
    """Find the run that a user names by the start of its id.

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
            shutil.copytree(source, temporary, copy_function=_link_or_copy)
        except FileNotFoundError as error:
            raise _run_moved_on(run) from error
        except shutil.Error as error:
            if not source.exists():
                raise _run_moved_on(run) from error
            raise
        if read_checkpoint(temporary) is None:
            raise _run_moved_on(run)
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
    """Return which checkpoint of another run a run began with, or None."""
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


def _run_moved_on(run: StoredRun) -> TrainingError:
    return TrainingError(
        f"checkpoint {run.id} at step {run.step} went while it was read",
        why="its training is running and has saved a newer one, or it was removed",
        fix="yue checkpoints   # lists those that are there now",
    )


def _status(path: Path) -> os.stat_result | None:
    """Return a path's status, not that of where a link leads; None once it is gone."""
    try:
        return path.lstat()
    except OSError:
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


def _stored_run(folder: Path) -> StoredRun:
    found = read_identity(folder)
    identity, notes = found if found else (None, {})
    checkpoint = newest_checkpoint(folder)
    steps = [int(path.name[5:]) for path in step_folders(folder)]
    step = checkpoint.state.step if checkpoint else max(steps, default=0)
    return StoredRun(folder, identity, notes, checkpoint, step)


def _link_or_copy(source: str, target: str) -> None:
    """Give a file that nobody writes into a second name, or copy it."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)

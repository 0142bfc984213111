"""Checkpoints that are complete or absent, and the lock of the run that they belong to.

They lie in a folder named by the run's fingerprint, outside of what DVC clears before a stage. A
checkpoint is written under a temporary name, synced, listed in ``complete.json`` and renamed; the
one before it goes after that. What is in it is this machine's own, in DeepSpeed's format: never
load one from elsewhere.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from yue.errors import TrainingError, YueError
from yue.files import read_json, sync, write_json
from yue.training.console import say
from yue.training.state import RunState, state_of
from yue.training.world import World

_COMPLETE = "complete.json"
_TAG = "deepspeed"
_BEST = "best.safetensors"
_WAIT = 60.0  # seconds that an interrupted run may take to save and leave


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
    """The complete checkpoint of the highest step in a run's folder, or None."""
    found = [found for path in folder.glob("step-*") if (found := _read(path))]
    return max(found, key=lambda checkpoint: checkpoint.state.step, default=None)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Their folder; made when needed.
        world: The processes that train; each writes its part.
    """

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self._world = folder, world
        self._lock: IO[str] | None = None

    def lock(self, wait: float = _WAIT) -> None:
        """Keep every other run out of the folder until this process ends.

        Args:
            wait: Seconds to wait for a run that was interrupted a moment ago and is still saving.

        Raises:
            TrainingError: Another run of the same recipe on the same data is training now.
        """
        if not self._world.first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        deadline = time.monotonic() + wait
        told = False
        while not _locks(self._lock):
            if time.monotonic() > deadline:
                raise TrainingError(
                    "the same training is running already",
                    why=f"another process has locked {self.folder}",
                    fix="wait until it ends and run the command again",
                )
            if not told:
                say("  waiting for an earlier run to save and leave")
            told = True
            time.sleep(0.2)
        for leftover in self.folder.glob("*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)

    def newest(self) -> Checkpoint | None:
        """The complete checkpoint of the highest step, or None."""
        return newest_checkpoint(self.folder)

    def load(self, engine: Any, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """Put the engine where it was; every process must call it.

        Returns:
            The weights of the lowest held-out loss, by name; nothing where none were kept.
        """
        path, _ = engine.load_checkpoint(str(checkpoint.folder), tag=_TAG, load_module_strict=False)
        if path is None:
            raise TrainingError(
                f"{checkpoint.folder}: DeepSpeed cannot load the checkpoint",
                fix=f"delete {self.folder} to train from the start",
            )
        best = checkpoint.folder / _BEST
        return load_file(best) if best.is_file() else {}

    def save(self, engine: Any, state: RunState, best: Mapping[str, Tensor] | None = None) -> None:
        """Write a checkpoint; every process must call it.

        Args:
            engine: DeepSpeed's engine.
            state: How far the run has come.
            best: The weights of the lowest held-out loss, if they are to be kept.

        Raises:
            TrainingError: The disk refused it; the checkpoint before stays.
        """
        target = self.folder / f"step-{state.step:08d}"
        temporary = target.with_suffix(".tmp")
        try:
            if self._world.first:
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir(parents=True)
            self._world.barrier()
            engine.save_checkpoint(
                str(temporary), tag=_TAG, save_latest=False, exclude_frozen_parameters=True
            )
            self._world.barrier()
            if self._world.first:
                if best:
                    save_file(dict(best), temporary / _BEST)
                _complete(temporary, state)
                shutil.rmtree(target, ignore_errors=True)
                temporary.rename(target)
                sync(self.folder)
                self._forget_all_but(target)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)  # it may be what fills the disk
            raise TrainingError(
                f"cannot write a checkpoint to {self.folder}: {error}",
                why=f"step {state.step} is not saved; an older checkpoint is left as it was",
                fix="free some space there and run the command again",
            ) from error
        self._world.barrier()

    def _forget_all_but(self, kept: Path) -> None:
        for path in self.folder.glob("step-*"):
            if path != kept:
                shutil.rmtree(path, ignore_errors=True)


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _complete(folder: Path, state: RunState) -> None:
    """Sync every file, then list them all: what is in the list is on the disk."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = path.stat().st_size
    write_json(folder / _COMPLETE, {"files": files, "state": state.plain()})
    for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
        sync(path)


def _read(folder: Path) -> Checkpoint | None:
    """A checkpoint, or None if it is not complete."""
    try:
        listing = read_json(folder / _COMPLETE)
        sizes = {name: (folder / name).stat().st_size for name in listing["files"]}
        if sizes != listing["files"]:
            return None
        return Checkpoint(folder, state_of(listing["state"]))
    except (KeyError, TypeError, OSError, YueError):
        return None

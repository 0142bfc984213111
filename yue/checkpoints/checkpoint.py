"""Checkpoints that are complete or absent, and the lock of the run that they belong to.

They lie in a folder named by the run's fingerprint, outside of what DVC clears before a stage. A
checkpoint is written under a temporary name, synced, listed in ``complete.json`` and renamed; the
one before it goes after that. It holds whole tensors by parameter name, so it serves any number of
processes and any ZeRO stage.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from yue.checkpoints.run_state import (
    COMPLETE,
    FORMAT,
    Checkpoint,
    RunState,
    newest_checkpoint,
    step_folders,
    take_lock,
)
from yue.checkpoints.snapshot import MOMENTS, Snapshot
from yue.checkpoints.stored_runs import forget_continued
from yue.distributed import World
from yue.errors import TrainingError
from yue.files import sync, write_json
from yue.progress import say

_WEIGHTS, _BEST = "weights.safetensors", "best.safetensors"
_WAIT = 60.0  # seconds that an interrupted run may take to end its step, save and leave


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: Their folder; made when needed.
        world: The processes that train; the first one writes.
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
        deadline = time.monotonic() + wait
        announced = False
        while (lock := take_lock(self.folder)) is None:
            if time.monotonic() > deadline:
                raise TrainingError(
                    "the same training is running already",
                    why=f"another process has locked {self.folder}",
                    fix="wait until it ends and run the command again",
                )
            if not announced:
                say("  waiting for an earlier run to save and leave")
            announced = True
            time.sleep(0.2)
        self._lock = lock
        for leftover in self.folder.glob("step-*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.newest() is None:
            forget_continued(self.folder)

    def newest(self) -> Checkpoint | None:
        """Return the complete checkpoint of the highest step, or None."""
        return newest_checkpoint(self.folder)

    def load(self, checkpoint: Checkpoint) -> tuple[Snapshot, dict[str, Tensor]]:
        """Read a checkpoint, in every process.

        Returns:
            Weights and optimizer; and the weights of the lowest held-out loss, by name, where they
            were kept.

        Raises:
            TrainingError: A file is damaged.
        """
        files = {path.name: path for path in checkpoint.folder.glob("*.safetensors")}
        try:
            weights = load_file(files[_WEIGHTS])
            moments = {
                k: load_file(files[_moment_file(k)]) for k in MOMENTS if _moment_file(k) in files
            }
            best = load_file(files[_BEST]) if _BEST in files else {}
        except (KeyError, OSError, SafetensorError) as error:
            raise TrainingError(
                f"{checkpoint.folder}: cannot read the checkpoint ({error})",
                fix=f"train from the start: yue checkpoints remove {self.folder.name[:12]}",
            ) from error
        return Snapshot(weights, moments, checkpoint.state.step if moments else 0), best

    def save(
        self, snapshot: Snapshot, state: RunState, best: Mapping[str, Tensor] | None = None
    ) -> None:
        """Write a checkpoint; every process must call it, the first one has the tensors.

        Args:
            snapshot: Weights and optimizer.
            state: How far the run has come.
            best: The weights of the lowest held-out loss, if they are to be kept.

        Raises:
            TrainingError: The disk refused it; the checkpoint before stays.
        """
        if self._world.first:
            self._write(snapshot, state, best or {})
        self._world.barrier()

    def _write(self, snapshot: Snapshot, state: RunState, best: Mapping[str, Tensor]) -> None:
        target = self.folder / f"step-{state.step:08d}"
        temporary = target.with_suffix(".tmp")
        tensors = {_WEIGHTS: snapshot.weights, _BEST: best}
        tensors |= {_moment_file(kind): moment for kind, moment in snapshot.moments.items()}
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            for name, values in tensors.items():
                if values:
                    save_file(dict(values), temporary / name)
            _write_listing(temporary, state)
            shutil.rmtree(target, ignore_errors=True)
            temporary.rename(target)
            sync(self.folder)
            self._remove_all_but(target)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)  # it may be what fills the disk
            raise TrainingError(
                f"cannot write a checkpoint to {self.folder}: {error}",
                why=f"step {state.step} is not saved; an older checkpoint is left as it was",
                fix="free some space there and run the command again",
            ) from error

    def _remove_all_but(self, kept: Path) -> None:
        for path in step_folders(self.folder):
            if path != kept:
                shutil.rmtree(path, ignore_errors=True)


def _moment_file(kind: str) -> str:
    return f"{kind}.safetensors"


def _write_listing(folder: Path, state: RunState) -> None:
    """Sync every file, then list them all: what is in the list is on the disk."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        files[path.relative_to(folder).as_posix()] = path.stat().st_size
    write_json(folder / COMPLETE, {"format": FORMAT, "files": files, "state": state.plain()})
    sync(folder)

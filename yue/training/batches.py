"""The rows that each process reads in each step, as tensors where it computes.

The rows of all epochs form one endless stream; step s takes rows s * batch_size onwards. So a
step's data is a function of its number, whatever was interrupted before.

Where a loss or gradient is no finite number, the batch is kept for a look and the run ends.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from yue.dataset.dataset_mix import MixedRows, Share
from yue.dataset.packed_rows import IGNORED, targets
from yue.distributed import World
from yue.errors import TrainingError
from yue.tokens.roles import Role


@dataclass(frozen=True, eq=False)
class MicroBatch:
    """Rows of one forward pass, packed into one sequence.

    Attributes:
        tokens: int64, shape (N,).
        boundaries: Where pieces start, and N.
        targets: The token to predict at each position, or -100; int64, shape (N,).
        roles: :class:`Role` of each target that is not -100, in order; int64, shape (M,).
        songs: The songs in it.
    """

    tokens: Tensor
    boundaries: tuple[int, ...]
    targets: Tensor
    roles: Tensor
    songs: tuple[str, ...]


class Batches:
    """Micro-batches of a mixture, or of a split.

    Args:
        rows: Its rows.
        loss_on: Roles that have a loss.
        device: Where the tensors go.
    """

    def __init__(self, rows: MixedRows, loss_on: Collection[Role], device: torch.device) -> None:
        self.rows, self._loss_on, self._device = rows, tuple(loss_on), device

    def step(self, share: Share, step: int) -> list[MicroBatch]:
        """Return the micro-batches of one process in one training step."""
        return [self._read(places) for places in share.places(step)]

    def once(self, rank: int, size: int) -> Iterator[MicroBatch]:
        """Yield one pass over the rows, one at a time, shared between processes.

        Every process gets equally many; one that has run out of rows gets a row without targets,
        so that processes that must meet in every forward pass do.
        """
        count = self.rows.epoch_rows
        for start in range(0, count, size):
            place = start + rank
            yield self._read([place]) if place < count else self._read([0], labelled=False)

    def _read(self, places: Sequence[int], *, labelled: bool = True) -> MicroBatch:
        # Reading in this process: handing a batch over from a worker would take longer than it.
        row = self.rows.read(places)
        labels = targets(row, self._loss_on if labelled else ())
        roles = row.target_roles[labels != IGNORED]
        songs = (song for place in places for song in self.rows.songs(place))
        return MicroBatch(
            tokens=torch.from_numpy(row.tokens.astype(np.int64)).to(self._device),
            boundaries=tuple(row.boundaries.tolist()),
            targets=torch.from_numpy(labels).to(self._device),
            roles=torch.from_numpy(roles.astype(np.int64)).to(self._device),
            songs=tuple(dict.fromkeys(songs)),
        )


def step_was_sound(engine: Any, module: nn.Module) -> bool:
    """Tell whether the last update was made, and by a gradient of finite numbers."""
    if not engine.was_step_applied():
        return False
    norm = engine.get_global_grad_norm()
    if norm is not None:
        return bool(torch.isfinite(torch.as_tensor(norm)))
    # Without ZeRO, DeepSpeed keeps no norm: such a gradient shows in the weights.
    return all(bool(w.isfinite().all()) for w in module.parameters() if w.requires_grad)


def stop_at_fault(
    what: str, *, step: int, ours: bool, batches: Sequence[MicroBatch], folder: Path, world: World
) -> NoReturn:
    """End the run, with this process's batch in a file if the fault is in it.

    Args:
        what: "loss" or "gradient".
        step: The step, counted from 1.
        ours: Whether the fault is in this process's batch.
        batches: Its forward passes in this step.
        folder: Where the file goes.
        world: The processes.

    Raises:
        TrainingError: Always, where ``ours``.
        RuntimeError: Always, elsewhere; the launcher reports the one above.
    """
    if not ours:
        raise RuntimeError(f"the {what} of another process is not a finite number")
    file = folder / f"fault-step-{step:08d}-process-{world.rank}.safetensors"
    songs = tuple(dict.fromkeys(song for batch in batches for song in batch.songs))
    _save_batches(file, batches, songs)
    raise TrainingError(
        f"step {step}: the {what} is not a finite number (songs {', '.join(songs[:8])})",
        why="the weights have left the range of numbers; the last checkpoint is good. The batch is "
        f"in {file}",
        fix="lower train.lr, raise train.warmup_ratio, or use model.dtype: float32",
    )


def _save_batches(file: Path, batches: Sequence[MicroBatch], songs: Sequence[str]) -> None:
    tensors = {}
    for number, batch in enumerate(batches):
        tensors[f"{number}.tokens"] = batch.tokens.cpu()
        tensors[f"{number}.boundaries"] = torch.tensor(batch.boundaries)
        tensors[f"{number}.targets"] = batch.targets.cpu()
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"songs": json.dumps(songs)})

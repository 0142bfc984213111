"""A loss or gradient that is no number: the batch is kept, the run ends, nothing is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors.torch import save_file
from torch import nn

from yue.errors import TrainingError
from yue.training.batches import MicroBatch
from yue.training.world import World


def step_was_sound(engine: Any, module: nn.Module) -> bool:
    """Whether the last update was made, and by a gradient of finite numbers."""
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
        RuntimeError: Always, elsewhere; the launcher tells the one above.
    """
    if not ours:
        raise RuntimeError(f"the {what} of another process is not a finite number")
    file = folder / f"fault-step-{step:08d}-process-{world.rank}.safetensors"
    songs = tuple(dict.fromkeys(song for batch in batches for song in batch.songs))
    _dump(file, batches, songs)
    raise TrainingError(
        f"step {step}: the {what} is not a finite number (songs {', '.join(songs[:8])})",
        why="the weights have left the range of numbers; the last checkpoint is good. The batch is "
        f"in {file}",
        fix="lower train.lr, raise train.warmup_ratio, or use model.dtype: float32",
    )


def _dump(file: Path, batches: Sequence[MicroBatch], songs: Sequence[str]) -> None:
    tensors = {}
    for number, batch in enumerate(batches):
        tensors[f"{number}.tokens"] = batch.tokens.cpu()
        tensors[f"{number}.boundaries"] = torch.tensor(batch.boundaries)
        tensors[f"{number}.targets"] = batch.targets.cpu()
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"songs": json.dumps(songs)})

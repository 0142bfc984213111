"""How a run ended, from the first worker to the stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from yue.files import read_json, write_json
from yue.training.speed import Machine, Throughput


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        finished: False where it was told to stop; its checkpoint is saved.
        step: Optimizer steps done.
        steps: Optimizer steps of the whole run.
        resumed_from: The step that this run went on from, 0 from the start.
        loss: Mean training loss since the line before the last, nats a token.
        valid_loss: Last held-out loss, or None.
        best_step: The step of the lowest held-out loss, or None.
        best_valid_loss: That loss, or None.
        kept_step: The step whose weights are the adapter.
        role_loss: Last training loss by role.
        tokens_seen: Tokens read, over all steps.
        learnt_tokens: Tokens that had a loss, over all steps.
        dataset_tokens: Tokens read of each dataset of the mixture, over all steps.
        wall_seconds: Time of all runs that led here, start-up included.
        throughput: Of this run's steps, without validation and saving.
        machine: What the first process's device can do.
        peak_memory_bytes: Of the GPU's allocator, or of the process on a CPU; the largest process.
    """

    finished: bool
    step: int
    steps: int
    resumed_from: int
    loss: float | None
    valid_loss: float | None
    best_step: int | None
    best_valid_loss: float | None
    kept_step: int
    role_loss: dict[str, float]
    tokens_seen: int
    learnt_tokens: int
    dataset_tokens: dict[str, int]
    wall_seconds: float
    throughput: Throughput
    machine: Machine
    peak_memory_bytes: int


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write it, whole or not at all."""
    write_json(path, asdict(outcome))


def read_outcome(path: Path) -> Outcome:
    """Read it."""
    value = read_json(path)
    speed, machine = Throughput(**value.pop("throughput")), Machine(**value.pop("machine"))
    return Outcome(**value, throughput=speed, machine=machine)

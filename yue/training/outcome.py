"""Requests to stop a run, and how it ended, from the first worker to the stage."""

from __future__ import annotations

import os
import signal
import stat
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from yue.costs.speed import Machine, Throughput
from yue.files import read_json, write_json

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopRequest:
    """Notes that somebody wants this process to save and leave.

    Args:
        file: Its being there is such a wish too: it reaches every host that shares the folder.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._asked, self._file = threading.Event(), file

    def listen(self) -> None:
        """Listen to SIGTERM, SIGINT, SIGUSR1 and the end of standard input.

        The stage holds the other end of standard input: it ends when the stage wants to stop, and
        also when the stage was killed, so that no worker trains on alone.
        """
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self._asked.set())
        if stat.S_ISFIFO(os.fstat(0).st_mode):  # another launcher's may be closed from the start
            threading.Thread(target=self._watch, daemon=True).start()

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked.is_set() or (self._file is not None and self._file.exists())

    def _watch(self) -> None:
        while os.read(0, 1):
            pass
        self._asked.set()


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        finished: False where it was asked to stop; its checkpoint is saved.
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
    """Write an outcome, whole or not at all."""
    write_json(path, asdict(outcome))


def read_outcome(path: Path) -> Outcome:
    """Read an outcome."""
    value = read_json(path)
    speed, machine = Throughput(**value.pop("throughput")), Machine(**value.pop("machine"))
    return Outcome(**value, throughput=speed, machine=machine)

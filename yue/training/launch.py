"""Starting the workers with DeepSpeed's launcher, and what becomes of them.

The launcher's standard input is a pipe that nothing is written to. Its end tells the workers to
save and leave: this process closes it when it is interrupted, and the kernel does if it is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import yue
from yue.errors import TrainingError
from yue.files import read_json
from yue.training.job import JobFolder
from yue.training.outcome import Outcome, read_outcome

MARK = "yue| "
"""What begins a line that a worker wants the user to see; all others go to the log."""

_TAIL = 20  # lines of the log that an error shows


@dataclass(frozen=True)
class Launch:
    """How to launch.

    Attributes:
        processes: Number of workers.
        device: "cpu" or "cuda".
    """

    processes: int
    device: str


def run_workers(folder: JobFolder, launch: Launch, *, log: Path) -> Outcome:
    """Run the workers of a job to their end.

    Args:
        folder: The job, already written.
        launch: How many workers, and on what.
        log: File that gets all their output.

    Raises:
        TrainingError: A worker failed, or the run was interrupted.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            _command(folder, launch.processes),
            env=_environment(launch),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this process alone, which asks for an end
        )
        with _asking_for_an_end(process):
            tail = _relay(process, stream)
            process.wait()
    if folder.outcome.is_file():
        return read_outcome(folder.outcome)
    raise _failure(folder, process.returncode, tail, log)


def _command(folder: JobFolder, processes: int) -> list[str]:
    return [
        *(sys.executable, "-m", "deepspeed.launcher.runner"),
        *("--num_gpus", str(processes), "--master_port", str(_free_port())),
        *("--hostfile", os.devnull, "--log_level", "error", "--no_local_rank"),
        *("--module", "yue.training.worker", str(folder.root.resolve())),
    ]


def _environment(launch: Launch) -> dict[str, str]:
    """This process's environment, and the same code of ``yue`` in the children."""
    environment = dict(os.environ)
    root = str(Path(yue.__file__).resolve().parent.parent)
    path = [root, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    environment["PYTHONSAFEPATH"] = "1"  # a `yue` folder in the current folder is not that code
    environment["DS_ACCELERATOR"] = launch.device
    if launch.device == "cpu":
        threads = max((os.cpu_count() or 1) // launch.processes, 1)
        environment.setdefault("OMP_NUM_THREADS", str(threads))
        # Threads that wait spin, and on a busy machine take the time of those that work.
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return environment


def _free_port() -> int:
    """A port that is free now: launchers of parallel runs must not meet on DeepSpeed's default."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _asking_for_an_end(process: subprocess.Popen[str]) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a request, and the second into the end."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os.killpg(process.pid, signal.SIGKILL)
            return
        asked = True
        print("train: interrupted; saving after this step (again to stop at once)", flush=True)
        if process.stdin:
            process.stdin.close()

    with _handlers(handle):
        try:
            yield
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


@contextlib.contextmanager
def _handlers(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    try:
        before: dict[int, Any] = {
            number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
        }
    except ValueError:  # not the main thread, where signals do not arrive
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _relay(process: subprocess.Popen[str], log: IO[str]) -> list[str]:
    """Show the workers' own lines, log the others; returns the log's last lines."""
    tail: deque[str] = deque(maxlen=_TAIL)
    for line in process.stdout or ():
        if line.startswith(MARK):
            print(line[len(MARK) :], end="", flush=True)
        elif line.strip():
            log.write(line)
            log.flush()
            tail.append(line.rstrip())
    return list(tail)


def _failure(folder: JobFolder, code: int, tail: list[str], log: Path) -> TrainingError:
    for path in folder.errors():
        words = read_json(path)
        return TrainingError(words["what"], why=words["why"], fix=words["fix"] or f"see {log}")
    return TrainingError(
        f"training ended without a word (code {code})",
        why="\n    ".join(["the last lines of the log:", *tail])
        + "\n    a process that was killed has often used up the memory",
        fix=f"see {log}; for less memory, lower train.micro_batch_size or train.context_length",
    )

"""Start the workers with a launcher's command line, relay what they say, collect how they end.

The launcher's standard input is a pipe that nothing is written to. Its end tells the workers to
save and leave: this process closes it when it is interrupted, and the kernel does if it is killed.
Workers on other hosts may have another standard input; a file in the job's folder reaches them too.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

import yue
from yue.errors import TrainingError
from yue.files import read_json, write_text
from yue.progress import MARK
from yue.training.hosts import Fleet
from yue.training.job import JobFolder
from yue.training.outcome import Outcome, read_outcome


def launcher_command(fleet: Fleet, program: Sequence[str], folder: Path | None) -> list[str]:
    """Return what starts ``python -m PROGRAM`` in every process of a fleet.

    With ``deepspeed`` and ``slurm`` the command reaches every host; with ``no_ssh`` and
    ``torchrun`` it starts this host's processes.

    Args:
        fleet: Where.
        program: A module and its arguments.
        folder: Where DeepSpeed's host file is written; None writes none, to show the command.
    """
    if fleet.launcher == "torchrun":
        return [*_torchrun(fleet, str(fleet.here)), *program]
    if fleet.launcher == "slurm":
        return _srun(fleet, program)
    return [*_deepspeed(fleet, folder), *program]


def _deepspeed(fleet: Fleet, folder: Path | None) -> list[str]:
    if fleet.launcher == "no_ssh" or [host.name for host in fleet.hosts] == ["localhost"]:
        return _deepspeed_here(fleet)
    hostfile = (folder or Path()) / "hostfile"
    if folder:
        write_text(hostfile, "".join(f"{h.name} slots={h.processes}\n" for h in fleet.hosts))
    command = [sys.executable, "-m", "deepspeed.launcher.runner", "--log_level", "error"]
    command += ["--no_local_rank", "--module", "--master_port", str(fleet.port)]
    command += ["--hostfile", str(hostfile)]
    if fleet.address:
        command += ["--master_addr", fleet.address]
    return [*command, "--launcher", "pdsh", "--force_multi"]


def _deepspeed_here(fleet: Fleet) -> list[str]:
    """DeepSpeed's launcher of one host's processes.

    Its runner would only look for the hosts, which are known, and not heed CUDA_VISIBLE_DEVICES.
    """
    places: dict[str, list[int | str]] = {h.name: [*range(h.processes)] for h in fleet.hosts}
    here = fleet.hosts[fleet.here]
    visible = [word for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word]
    if len(visible) >= here.processes:
        places[here.name] = [*visible[: here.processes]]
    world = base64.urlsafe_b64encode(json.dumps(places).encode()).decode()
    return [
        *(sys.executable, "-m", "deepspeed.launcher.launch", "--log_level", "error"),
        *("--world_info", world, "--node_rank", str(fleet.here)),
        *("--master_addr", str(fleet.address), "--master_port", str(fleet.port)),
        *("--no_local_rank", "--module"),
    ]


def _torchrun(fleet: Fleet, place: str) -> list[str]:
    processes = fleet.hosts[fleet.here].processes
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(fleet.hosts))),
        *("--nproc-per-node", str(processes), "--node-rank", place, "--max-restarts", "0"),
        *("--master-addr", str(fleet.address), "--master-port", str(fleet.port), "--module"),
    ]


def _srun(fleet: Fleet, program: Sequence[str]) -> list[str]:
    """One task on each node, which starts the node's processes."""
    nodes = len(fleet.hosts)
    # The node's own place is known there only.
    task = shlex.join([*_torchrun(fleet, "NODE"), *program]).replace(
        "--node-rank NODE", '--node-rank "$SLURM_NODEID"'
    )
    return [
        *("srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"),
        *("--kill-on-bad-exit=1", "bash", "-c", f"exec {task}"),
    ]


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_PR_SET_PDEATHSIG = 1
_TAIL = 20  # lines of the log that an error shows


def run_workers(folder: JobFolder, fleet: Fleet, *, device: str, log: Path) -> Outcome | None:
    """Run the workers of a job to their end.

    Args:
        folder: The job, already written.
        fleet: The hosts.
        device: "cpu" or "cuda".
        log: File that gets all their output.

    Returns:
        How it went; None on a host that does not lead and has done its part.

    Raises:
        TrainingError: A worker failed, or the run was interrupted.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if fleet.launcher == "slurm" and shutil.which("srun") is None:
        raise TrainingError(
            "launch.launcher is slurm, but there is no srun on this machine",
            fix="start the run where SLURM is, or use launch.launcher: deepspeed",
        )
    if fleet.launcher == "deepspeed" and len(fleet.hosts) > 1 and shutil.which("pdsh") is None:
        raise TrainingError(
            "DeepSpeed reaches other hosts by pdsh, which is not installed",
            fix="install pdsh, or use launch.launcher: no_ssh or torchrun and start every host",
        )
    program = ["yue.training.worker", str(folder.root.resolve())]
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            launcher_command(fleet, program, folder.root),
            env=environment(fleet, device),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches this process alone, which asks for an end
        )
        with _signals_as_stop_request(process, folder):
            tail = _relay(process, stream)
            process.wait()
    if folder.outcome.is_file():
        return read_outcome(folder.outcome)
    if process.returncode == 0 and not fleet.leads:
        return None
    raise _worker_error(folder, process.returncode, tail, log)


def environment(fleet: Fleet, device: str) -> dict[str, str]:
    """Return this process's environment, with the same code of ``yue`` in the children."""
    values = dict(os.environ)
    root = str(Path(yue.__file__).resolve().parent.parent)
    path = [root, *filter(None, [values.get("PYTHONPATH")])]
    values["PYTHONPATH"] = os.pathsep.join(path)
    values["PYTHONSAFEPATH"] = "1"  # a `yue` folder in the current folder is not that code
    values["DS_ACCELERATOR"] = device
    if device == "cpu":
        threads = max((os.cpu_count() or 1) // fleet.hosts[fleet.here].processes, 1)
        values.setdefault("OMP_NUM_THREADS", str(threads))
        # Threads that wait spin, and on a busy machine take the time of those that work.
        values.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return values


@contextlib.contextmanager
def _signals_as_stop_request(process: subprocess.Popen[str], folder: JobFolder) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGUSR1 into a request, and the second into the end."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os.killpg(process.pid, signal.SIGKILL)
            return
        asked = True
        print("train: interrupted; saving after this step (again to stop at once)", flush=True)
        folder.stop.touch()
        if process.stdin:
            process.stdin.close()

    with _signal_handlers(handle):
        _end_with_dvc()
        try:
            yield
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise


def _end_with_dvc() -> None:
    """Have the kernel send SIGTERM if DVC, which started this process, is killed.

    Training would go on without anybody to take its results.
    """
    if "DVC_ROOT" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _signal_handlers(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    try:
        before: dict[int, Any] = {number: signal.signal(number, handle) for number in _SIGNALS}
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
        _, mark, words = line.partition(MARK)  # some launchers put the host's name in front
        if mark:
            print(words, end="", flush=True)
        elif line.strip():
            log.write(line)
            log.flush()
            tail.append(line.rstrip())
    return list(tail)


def _worker_error(folder: JobFolder, code: int, tail: list[str], log: Path) -> TrainingError:
    for path in folder.errors():
        words = read_json(path)
        return TrainingError(words["what"], why=words["why"], fix=words["fix"] or f"see {log}")
    return TrainingError(
        f"training ended without a word (code {code})",
        why="\n    ".join(["the last lines of the log:", *tail])
        + "\n    a process that was killed has often used up the memory",
        fix=f"see {log}; for less memory, lower train.micro_batch_size or train.context_length",
    )

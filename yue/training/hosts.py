"""Which hosts and devices train, how many processes each has, and where they meet.

No torch is imported where there is no GPU.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.device import gpu_count, pick_device
from yue.errors import TrainingError
from yue.recipe.model import Launch


def choose_device(wanted: str, processes: int) -> tuple[str, int]:
    """Return the device and the number of processes.

    Args:
        wanted: ``runtime.device``: "auto", "cpu" or "cuda".
        processes: ``launch.processes``: 0 is one for each GPU, or one on the CPU.

    Returns:
        "cpu" or "cuda", and at least 1.

    Raises:
        YueError: There is no GPU, or there are fewer than that.
    """
    if pick_device(wanted) == "cpu":
        return "cpu", max(processes, 1)
    gpus = gpu_count()
    if processes > gpus:
        raise TrainingError(
            f"launch.processes is {processes}, but there are {gpus} GPUs",
            why="each process trains on a GPU of its own",
            fix="use launch.processes: 0 for one process on each GPU",
        )
    return "cuda", processes or gpus


_PORT = 29500  # PyTorch's own
_RANK = "YUE_NODE_RANK"


@dataclass(frozen=True)
class Host:
    """A machine.

    Attributes:
        name: As the others reach it.
        processes: Training processes on it.
    """

    name: str
    processes: int


@dataclass(frozen=True)
class Fleet:
    """All hosts of a run.

    Attributes:
        hosts: The first one leads.
        launcher: ``launch.launcher``.
        here: The place of this host among those that are started one by one; else 0.
        address: Where the processes meet; None lets DeepSpeed ask the first host.
        port: The same.
    """

    hosts: tuple[Host, ...]
    launcher: str
    here: int
    address: str | None
    port: int

    @property
    def processes(self) -> int:
        """Training processes on all hosts."""
        return sum(host.processes for host in self.hosts)

    @property
    def leads(self) -> bool:
        """Whether this host has the first process, which writes the results."""
        return self.here == 0


def find_fleet(launch: Launch, processes: int, root: Path) -> Fleet:
    """Find the hosts that a recipe names, or this machine alone.

    Args:
        launch: The recipe's section.
        processes: Processes on a host, where its own number is not given.
        root: What a relative ``launch.hostfile`` is relative to.

    Raises:
        TrainingError: The host file is damaged, or this host is none of them.
    """
    if launch.launcher == "slurm":
        hosts = _slurm_hosts(processes)
    elif launch.hostfile is not None:
        hosts = read_hostfile(root / launch.hostfile)
    else:
        hosts = tuple(Host(name, processes) for name in launch.hosts or ("localhost",))
    if len(hosts) == 1 and launch.launcher != "slurm":
        # Launchers of parallel runs must not meet on one default port.
        return Fleet(hosts, launch.launcher, 0, "127.0.0.1", _free_port())
    one_by_one = launch.launcher in ("no_ssh", "torchrun")
    address, _, port = (launch.address or "").partition(":")
    return Fleet(
        hosts=hosts,
        launcher=launch.launcher,
        here=_own_place(hosts) if one_by_one else 0,
        address=address or (None if launch.launcher == "deepspeed" else hosts[0].name),
        port=int(port) if port else _PORT if one_by_one else _free_port(),
    )


def read_hostfile(path: Path) -> tuple[Host, ...]:
    """Read DeepSpeed's format: lines such as ``node1 slots=8``, # comments.

    Raises:
        TrainingError: It is missing, empty, or a line is of another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"launch.hostfile: cannot read {path} ({error})", fix="check the path"
        ) from error
    hosts: list[Host] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        key, _, count = words[-1].partition("=")
        if len(words) != 2 or key != "slots" or not count.isdigit() or int(count) < 1:
            raise _bad_line(path, number, line, "it is not of the form 'name slots=number'")
        if words[0] in [host.name for host in hosts]:
            raise _bad_line(path, number, line, "the host is there twice")
        hosts.append(Host(words[0], int(count)))
    if not hosts:
        raise TrainingError(f"{path}: no hosts", fix="write lines such as: node1 slots=8")
    return tuple(hosts)


def _bad_line(path: Path, number: int, line: str, why: str) -> TrainingError:
    return TrainingError(f"{path}:{number}: {line.strip()}", why=why, fix="node1 slots=8")


def _slurm_hosts(processes: int) -> tuple[Host, ...]:
    count = os.environ.get("SLURM_JOB_NUM_NODES") or os.environ.get("SLURM_NNODES")
    if not (count and count.isdigit()):
        raise TrainingError(
            "launch.launcher is slurm, but this is no job of SLURM",
            why="SLURM_JOB_NUM_NODES is not set",
            fix="run `dvc repro` in a batch script: sbatch --nodes=2 --ntasks-per-node=1 ...",
        )
    # The batch script runs on the first node; srun knows the names of the others.
    first = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    return (Host(first, processes), *(Host(f"node-{n}", processes) for n in range(1, int(count))))


def _own_place(hosts: Sequence[Host]) -> int:
    """Find which of the hosts this is."""
    given = os.environ.get(_RANK)
    if given is not None and given.isdigit() and int(given) < len(hosts):
        return int(given)
    name = socket.gethostname()
    found = [n for n, host in enumerate(hosts) if name in (host.name, host.name.split(".")[0])]
    if given is None and len(found) == 1:
        return found[0]
    names = ", ".join(host.name for host in hosts)
    raise TrainingError(
        f"{name if given is None else f'{_RANK}={given}'}: not clear which host this is",
        why=f"the hosts are {names}",
        fix=f"set {_RANK} to the host's place among them: 0 to {len(hosts) - 1}",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

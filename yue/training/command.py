"""The command line that starts the workers, for each launcher."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from yue.files import write_text
from yue.training.fleet import Fleet


def launcher_command(fleet: Fleet, program: Sequence[str], folder: Path | None) -> list[str]:
    """What starts ``python -m PROGRAM`` in every process of a fleet.

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
    command = [sys.executable, "-m", "deepspeed.launcher.runner", "--log_level", "error"]
    command += ["--no_local_rank", "--module", "--master_port", str(fleet.port)]
    if len(fleet.hosts) == 1 and fleet.hosts[0].name == "localhost":
        return [*command, "--hostfile", os.devnull, "--num_gpus", str(fleet.processes)]
    hostfile = (folder or Path()) / "hostfile"
    if folder:
        write_text(hostfile, "".join(f"{h.name} slots={h.processes}\n" for h in fleet.hosts))
    command += ["--hostfile", str(hostfile)]
    if fleet.address:
        command += ["--master_addr", fleet.address]
    if fleet.launcher == "no_ssh":
        return [*command, "--no_ssh", "--node_rank", str(fleet.here)]
    return [*command, "--launcher", "pdsh", "--force_multi"]


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

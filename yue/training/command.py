"""The command line that starts the workers, for each launcher."""

from __future__ import annotations

import base64
import json
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

"""Checks of the machine: GPU, attention, memory, disk, limits of the operating system."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from yue.doctor.software_checks import REINSTALL_TORCH, Finding, ok
from yue.workers import cores

_GIB = 1 << 30
_FILES = 1024  # open files: a data stage holds one or two a worker, DVC a few hundred
_LEAST_DISK, _LEAST_MEMORY = 10, 4  # GiB: the environment's own results; the demo


def check_machine(folder: Path) -> list[Finding]:
    """Check the machine; ``folder`` says which disk."""
    return [
        *_check_gpu(),
        _check_cores(),
        _check_memory(),
        _check_disk(folder),
        _check_open_files(),
        _check_shared_memory(),
    ]


def _check_gpu() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError):
        return []  # a check of the software says so
    if not torch.cuda.is_available():
        built = torch.version.cuda
        found = "none that torch sees: the demo and data stages run, a 7B model will not train"
        if shutil.which("nvidia-smi") and not built:
            fix = f"{REINSTALL_TORCH}   # with CUDA"
        else:
            fix = "nvidia-smi   # must list a GPU; else install its driver, or train elsewhere"
        return [Finding("GPU", "warning", found, fix)]
    findings = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        name = f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB"
        findings.append(ok(f"GPU {index}", f"{name}, CUDA {torch.version.cuda}"))
    findings.append(_check_attention())
    if not torch.cuda.is_bf16_supported():
        fix = "set model.dtype: float32, or use a GPU of compute capability 8.0 or more"
        findings.append(Finding("bfloat16", "warning", "not on this GPU", fix))
    return findings


def _check_attention() -> Finding:
    """List the back-ends that the first GPU should have; a run takes the first that works."""
    import torch

    from yue.lm.attention import candidates

    capability = torch.cuda.get_device_capability(0)
    names = candidates("cuda", torch.bfloat16, 128, capability)  # YuE's heads have 128 numbers
    if names == ("sdpa",):
        fix = "nothing: songs are attended to one by one; a newer GPU does them in one kernel"
        return Finding("attention", "warning", "sdpa alone", fix)
    return ok("attention", f"{', '.join(names)}: the first that gives right results is taken")


def _check_cores() -> Finding:
    return ok("processor", f"{cores()} cores for this process")


def _check_memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    if total < _LEAST_MEMORY:
        fix = "set runtime.workers: 1 and train.micro_batch_size: 1"
        return Finding("memory", "warning", f"{total:.1f} GiB", fix)
    return ok("memory", f"{total:.0f} GiB")


def _check_disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / _GIB
    found = f"{free:.0f} GiB free in {folder}"
    if free < _LEAST_DISK:
        return Finding("disk", "warning", found, "dvc gc --workspace   # drops old results")
    return ok("disk", found)


def _check_open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        return Finding("open files", "warning", f"limit {soft}", f"ulimit -n {_FILES}")
    return ok("open files", "no limit" if soft == resource.RLIM_INFINITY else f"limit {soft}")


def _check_shared_memory() -> Finding:
    place = Path("/dev/shm")
    if not place.is_dir():
        return ok("shared memory", "this system has no /dev/shm")
    free = shutil.disk_usage(place).free / _GIB
    if free < 0.25:
        fix = "docker run --shm-size=8g ...   # or: mount -o remount,size=8G /dev/shm"
        return Finding("shared memory", "warning", f"{free * 1024:.0f} MiB in /dev/shm", fix)
    return ok("shared memory", f"{free:.1f} GiB in /dev/shm")

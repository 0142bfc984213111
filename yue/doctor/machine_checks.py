"""What a check finds, and checks of the machine and its software, in the order of their repair."""

from __future__ import annotations

import importlib
import logging
import os
import platform
import resource
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from yue.errors import YueError
from yue.workers import cores

State = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        state: ``failure`` stops work; ``warning`` does not, or only some of it.
        found: What is there.
        fix: The command that repairs it; empty when all is well.
    """

    name: str
    state: State
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Finding:
    """Report that all is well."""
    return Finding(name, "ok", found)


_PYTHON = ((3, 11), (3, 14))
_PACKAGES = ("transformers", "peft", "deepspeed", "accelerate", "dvc", "dvclive", "numpy")
_REINSTALL_TORCH = "pip install --force-reinstall 'torch==2.11.0' 'torchaudio==2.11.0'"
_GIB = 1 << 30
_FILES = 1024  # open files: a data stage holds one or two a worker, DVC a few hundred
_LEAST_DISK, _LEAST_MEMORY = 10, 4  # GiB: the environment's own results; the demo


def check_machine(folder: Path) -> list[Finding]:
    """Check the software, then the machine; ``folder`` says which disk."""
    return [
        _check_python(),
        _check_torch(),
        _check_packages(),
        _check_launcher(),
        _check_compiler(),
        _check_native(),
        *_check_gpu(),
        ok("processor", f"{cores()} cores for this process"),
        _check_memory(),
        _check_disk(folder),
        _check_open_files(),
        _check_shared_memory(),
    ]


def _check_python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable})"
    low, high = _PYTHON
    if not low <= sys.version_info[:2] < high:
        fix = "make an environment with Python 3.11 to 3.13: python3.11 -m venv .venv"
        return Finding("Python", "failure", found, fix)
    return ok("Python", found)


def _check_torch() -> Finding:
    versions = {name: _version(name) for name in ("torch", "torchaudio")}
    found = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    series = {version and version.split("+")[0].rpartition(".")[0] for version in versions.values()}
    if len(series) != 1 or None in series:
        return Finding("torch and torchaudio", "failure", f"{found}: not a pair", _REINSTALL_TORCH)
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        return Finding("torch and torchaudio", "failure", f"{found}: {reason}", _REINSTALL_TORCH)
    return ok("torch and torchaudio", found)


def _check_packages() -> Finding:
    missing = [name for name in _PACKAGES if _version(name) is None]
    if missing:
        fix = f"pip install --force-reinstall yue   # or: pip install {' '.join(missing)}"
        return Finding("packages", "failure", f"missing: {', '.join(missing)}", fix)
    return ok("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))


def _check_launcher() -> Finding:
    if _version("deepspeed") is None:
        return Finding("DeepSpeed's launcher", "failure", "not installed", "pip install deepspeed")
    logging.disable(logging.WARNING)  # it warns of a machine without GPU, which is said below
    try:
        importlib.import_module("deepspeed.launcher.runner")
    except Exception as error:  # whatever a broken installation raises is the finding
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        fix = "pip install --force-reinstall --no-deps deepspeed"
        return Finding("DeepSpeed's launcher", "failure", reason, fix)
    finally:
        logging.disable(logging.NOTSET)
    return ok("DeepSpeed's launcher", "starts (launch.launcher: deepspeed)")


def _check_compiler() -> Finding:
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if compiler is None:
        found = "no C compiler: needed only to rebuild the native library and for torch.compile"
        return Finding("C compiler", "warning", found, "apt-get install build-essential")
    return ok("C compiler", compiler)


def _check_native() -> Finding:
    from yue.native.build import source_hash
    from yue.native.library import library

    try:
        library()
    except YueError as error:
        fix = error.fix or "pip install --force-reinstall --no-deps yue"
        return Finding("native library", "failure", f"{error.what} {error.why}".strip(), fix)
    return ok("native library", f"loads, of these sources ({source_hash()[:12]})")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _check_gpu() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError):
        return []  # a check of the software says so
    if not torch.cuda.is_available():
        built = torch.version.cuda
        found = "none that torch sees: the demo and data stages run, a 7B model will not train"
        if shutil.which("nvidia-smi") and not built:
            fix = f"{_REINSTALL_TORCH}   # with CUDA"
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

"""What a check finds, and checks of the software: Python, packages, launcher, native library."""

from __future__ import annotations

import importlib
import logging
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from yue.errors import YueError

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
REINSTALL_TORCH = "pip install --force-reinstall 'torch==2.11.0' 'torchaudio==2.11.0'"


def check_software() -> list[Finding]:
    """Check the software, in the order in which a user would repair it."""
    return [
        _check_python(),
        _check_torch(),
        *_check_packages(),
        _check_launcher(),
        _check_compiler(),
        _check_native(),
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
        return Finding("torch and torchaudio", "failure", f"{found}: not a pair", REINSTALL_TORCH)
    try:
        importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        return Finding("torch and torchaudio", "failure", f"{found}: {reason}", REINSTALL_TORCH)
    return ok("torch and torchaudio", found)


def _check_packages() -> list[Finding]:
    missing = [name for name in _PACKAGES if _version(name) is None]
    if missing:
        fix = f"pip install --force-reinstall yue   # or: pip install {' '.join(missing)}"
        return [Finding("packages", "failure", f"missing: {', '.join(missing)}", fix)]
    return [ok("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))]


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

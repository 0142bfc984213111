"""The C sources under compilers and sanitizers: a driver of random calls, each result checked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from yue.native.build import COMPILE_FLAGS, HERE, source_files

SOURCES = [str(file) for file in source_files() if file.suffix == ".c"]
DRIVER = sorted(map(str, Path(__file__).parent.glob("driver*.c")))
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")
ARM = "aarch64-linux-gnu-gcc"


def run(*command: str, cwd: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def driver(folder: Path, compiler: str, *flags: str) -> str:
    """Builds it; a warning is an error."""
    options = (*WARNINGS, "-pthread", f"-I{HERE}", *flags)
    run(compiler, *options, *DRIVER, *SOURCES, "-o", "driver", cwd=folder)
    return str(folder / "driver")


@pytest.mark.long
@pytest.mark.parametrize(
    ("compiler", "sanitizers"), [("gcc", "address,undefined"), ("clang", "thread")]
)
def test_four_thousand_random_cases_are_clean_and_right(
    tmp_path: Path, compiler: str, sanitizers: str
) -> None:
    sane = (f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all")
    flags = ("-std=c11", "-O1", "-g", "-ffp-contract=off", *sane)
    run(driver(tmp_path, compiler, *flags), cwd=tmp_path)


@pytest.mark.long
def test_four_thousand_random_cases_are_right_on_another_processor(tmp_path: Path) -> None:
    """As they are shipped, on 64-bit ARM: no instruction of x86, fused arithmetic at hand."""
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("no qemu-aarch64-static")
    built = driver(tmp_path, ARM, "-static", *COMPILE_FLAGS)
    run("qemu-aarch64-static", built, cwd=tmp_path)

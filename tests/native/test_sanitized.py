"""The C sources under the sanitizers: a driver of random calls, each result checked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from yue.native.build import HERE, source_files

DRIVER = Path(__file__).with_name("driver.c")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_sources_compile_without_a_warning(tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    for source in (f for f in source_files() if f.suffix == ".c"):
        command = [compiler, "-std=c11", "-O1", *WARNINGS, "-c", str(source), "-o", "x.o"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_four_thousand_random_cases_are_clean_and_right(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    command = [
        "gcc", "-std=c11", "-O1", "-g", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", f"-I{HERE}", str(DRIVER),
        *(str(f) for f in source_files() if f.suffix == ".c"), "-o", "driver",
    ]  # fmt: skip
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [tmp_path / "driver"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr

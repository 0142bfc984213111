"""Build the native library with cffi: at install (setuptools), or alone into a folder.

setuptools runs this file by its path (``cffi_modules`` in setup.py) before the package can be
imported, and :mod:`yue.native.library` runs it as a script, so it imports nothing of ``yue``.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MODULE = "yue.native._yue_native"
HEADER = "yue_native.h"
# -ffp-contract=off: a fused multiply-add rounds differently, so results would depend on the CPU: of
# 99 vectors of weights, 38 blend to another order with it.
# No -march: one build serves every machine that shares a file system.
COMPILE_FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fvisibility=hidden")


def source_files() -> list[Path]:
    """Return the C sources and headers, sorted, without the file that cffi generates."""
    files = [*HERE.glob("*.c"), *HERE.glob("*.h")]
    return sorted(file for file in files if not file.name.startswith("_"))


def source_hash() -> str:
    """Return a SHA-256 over this script and every C file: names, lengths and contents."""
    digest = hashlib.sha256()
    for file in [HERE / "build.py", *source_files()]:
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def declarations() -> str:
    """Return the plain C declarations of the public header, for ``cdef``."""
    text = (HERE / HEADER).read_text(encoding="utf-8")
    return text.partition("/* cdef begin */")[2].partition("/* cdef end */")[0]


def _relative_path(path: Path) -> str:
    # setuptools wants paths relative to setup.py; a build elsewhere needs the absolute ones.
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def make_builder(module: str = MODULE) -> Any:
    """Return the cffi builder of the library (API mode).

    Args:
        module: Dotted name of the extension module.
    """
    import cffi

    builder = cffi.FFI()
    builder.cdef(declarations())
    builder.set_source(
        module,
        f'#include "{HEADER}"\nconst char *yue_source_hash(void) {{ return "{source_hash()}"; }}\n',
        sources=[_relative_path(file) for file in source_files() if file.suffix == ".c"],
        include_dirs=[_relative_path(HERE)],
        depends=[_relative_path(file) for file in source_files()],
        extra_compile_args=list(COMPILE_FLAGS),
    )
    return builder


def main(folder: str) -> None:
    """Build ``_yue_native`` into a folder, without a package around it."""
    make_builder("_yue_native").compile(tmpdir=folder)


if __name__ == "__main__":
    main(sys.argv[1])

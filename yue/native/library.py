"""Find the native library, and build it where the installed one is missing or out of date.

A queued DVC experiment runs from a copied tree, in which the git-ignored build is absent and the C
sources may differ from the installed ones. So a build counts only if it was made from exactly the
sources beside this file (it carries their hash); any other is built again, once for each hash, in
the side store that all experiments of a project share.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from yue.errors import NativeError
from yue.files import atomic_folder
from yue.native.build import source_hash

if TYPE_CHECKING:
    import numpy.typing as npt

HERE = Path(__file__).resolve().parent
_NAME = "_yue_native"
# The C types of NumPy's, by its type characters ("l" and "q" are both 64 bits where both are used).
_C_TYPES = {
    "B": "unsigned char[]", "h": "int16_t[]", "i": "int32_t[]", "I": "uint32_t[]",
    "l": "int64_t[]", "q": "int64_t[]", "d": "double[]",
}  # fmt: skip
_BUILD_SECONDS = 300


@dataclass(frozen=True)
class Library:
    """The loaded library.

    Attributes:
        ffi: cffi's memory helper.
        lib: The C functions and constants of ``yue_native.h``.
    """

    ffi: Any
    lib: Any
    _types: dict[str, Any]

    @classmethod
    def of(cls, module: ModuleType) -> Library:
        """Return the library in an extension module of cffi."""
        types = {char: module.ffi.typeof(name) for char, name in _C_TYPES.items()}
        return cls(module.ffi, module.lib, types)

    def pointer(self, array: npt.NDArray[Any], is_output: bool = False) -> Any:
        """Return the elements of a contiguous array for C: null where there are none.

        What is returned keeps the array alive. Where C writes into it, the array must be writable.
        """
        if not array.size:
            return self.ffi.NULL
        return self.ffi.from_buffer(self._types[array.dtype.char], array, is_output)


@functools.cache
def library() -> Library:
    """Return the native library, built if need be; later calls cost nothing.

    Raises:
        NativeError: It must be built, and there is no compiler or the build fails.
    """
    wanted = source_hash()
    for folder in (HERE, build_folder(wanted)):
        found = _load(folder, wanted)
        if found is not None:
            return found
    folder = _build(wanted)
    built = _load(folder, wanted)
    if built is None:
        raise NativeError(
            f"the native library built in {folder} cannot be loaded",
            why="its sources changed during the build, or it was built for another Python",
            fix=f"delete {folder} and try again",
        )
    return built


def build_folder(wanted: str) -> Path:
    """Return where a build of the sources with this hash lies, if not inside the package.

    That is the side store of DVC's root (``DVC_ROOT``), else of the project in the current
    folder, else of this checkout, else the user's cache folder.
    """
    machine = f"{sys.implementation.cache_tag}-{sys.platform}-{platform.machine()}"
    return _builds_folder() / f"{wanted[:32]}-{machine}"


def _builds_folder() -> Path:
    dvc_root = os.environ.get("DVC_ROOT")
    checkout = HERE.parent.parent
    for root in [Path(dvc_root)] if dvc_root else [Path.cwd(), checkout]:
        is_project = any((root / name).is_file() for name in ("params.yaml", "dvc.yaml"))
        if (dvc_root or is_project) and os.access(root, os.W_OK):
            return root / ".yue" / "native"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "yue" / "native"


def _load(folder: Path, wanted: str) -> Library | None:
    """Load the build in a folder; None where there is none of these sources."""
    for suffix in EXTENSION_SUFFIXES:
        file = folder / f"{_NAME}{suffix}"
        if not file.is_file():
            continue
        spec = importlib.util.spec_from_file_location(_NAME, file)
        if spec is None or spec.loader is None:
            continue
        try:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found = bytes(module.ffi.string(module.lib.yue_source_hash())).decode()
        except (ImportError, AttributeError):  # another Python's, or a damaged file
            continue
        if found == wanted:
            return Library.of(module)
    return None


def _build(wanted: str) -> Path:
    """Build into the side store; of several processes one builds, the others wait for it."""
    target = build_folder(wanted)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock_file(target.with_name(f"{target.name}.lock")):
            if _load(target, wanted) is None:
                with atomic_folder(target) as temporary:
                    _compile(temporary)
    except OSError as error:
        raise NativeError(
            f"cannot write the native library to {target}: {error.strerror or error}",
            fix="make the folder writable, or install the package again: pip install -e .",
        ) from error
    return target


def _compile(folder: Path) -> None:
    """Run build.py in a process of its own: a compiler's output must not mix with ours."""
    command = [sys.executable, str(HERE / "build.py"), str(folder)]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NativeError(
            f"building the native library took over {_BUILD_SECONDS} s",
            fix=f"build it by hand to see where it waits: {shlex.join(command)}",
        ) from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NativeError(
            f"the native library cannot be built: {lines[-1] if lines else 'no message'}",
            why=f"{HERE} has C sources of which there is no build, and compiling them failed",
            fix="install a C compiler (Debian, Ubuntu: apt install build-essential; macOS: "
            f"xcode-select --install) and try again; to see all messages: {shlex.join(command)}",
        )


@contextlib.contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield

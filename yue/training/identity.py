"""Digests of what defines a run: the data, the base model, the code, the recipe, the versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yue
from yue.dataset.reader import TokenFiles
from yue.files import bytes_digest, file_digest, value_digest
from yue.tokens.megatron import bin_path, idx_path

_LIBRARIES = ("torch", "transformers", "peft", "deepspeed", "numpy")
# The code whose change may change an adapter.
_ROOMS = ("training", "lm", "dataset", "tokens")


def versions() -> dict[str, str]:
    """Versions of this project and of the libraries that do the arithmetic."""
    return {"yue": yue.__version__, **{name: version(name) for name in _LIBRARIES}}


def data_digest(splits: Mapping[str, TokenFiles]) -> str:
    """Digest of token files, by the checksums that were written with them, or else their bytes."""
    return value_digest({name: _identity(files) for name, files in splits.items()})


def _identity(files: TokenFiles) -> dict[str, Any]:
    if files.info.options is not None:
        return asdict(files.info)
    paths = (bin_path(files.prefix), idx_path(files.prefix))
    return {path.suffix: file_digest(path) for path in paths}


def code_digest() -> str:
    """Digest of the code that trains."""
    package = Path(yue.__file__).parent
    files = sorted(file for room in _ROOMS for file in (package / room).rglob("*.py"))
    return bytes_digest(
        *(part for f in files for part in (f.relative_to(package).as_posix(), f.read_bytes()))
    )


def fingerprint(**parts: Any) -> str:
    """Digest of everything that defines a run; checkpoints of another run never match it."""
    return value_digest({**parts, "code": code_digest(), "versions": versions()})

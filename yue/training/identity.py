"""Digests of what defines a run: the data, the base model, the code, the recipe, the versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yue
from yue.files import bytes_digest, file_digest, value_digest
from yue.tokens.info import TokenFileInfo

_LIBRARIES = ("torch", "transformers", "peft", "deepspeed", "numpy")
# The code whose change may change an adapter.
_ROOMS = ("training", "lm", "dataset", "tokens")


def versions() -> dict[str, str]:
    """Versions of this project and of the libraries that do the arithmetic."""
    return {"yue": yue.__version__, **{name: version(name) for name in _LIBRARIES}}


def data_digest(splits: Mapping[str, TokenFileInfo]) -> str:
    """Digest of token files, by the checksums that were written with them."""
    return value_digest({name: asdict(info) for name, info in splits.items()})


def base_digest(folder: Path) -> str:
    """Digest of a base model: its configuration and weights."""
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    return bytes_digest(*(part for file in files for part in (file.name, file_digest(file))))


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

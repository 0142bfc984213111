"""What a run is: data, base model, recipe, code and libraries; and how it differs from another.

Whatever decides the adapter is part of it and nothing else is. The number of processes, the ZeRO
stage, offloading and the device are not: they change only the order in which floats are added. They
stand in the record beside it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yue
from yue.dataset.token_files import TokenFiles
from yue.errors import YueError
from yue.files import file_digest, read_json, value_digest, write_json
from yue.imports import Imports
from yue.recipe.differences import Sections, deciding_values, key_differences
from yue.tokens.megatron_files import bin_path, idx_path

FILE = "identity.json"
_LIBRARIES = ("torch", "transformers", "peft", "deepspeed", "numpy")
# Keys by which the same numbers are another adapter: a checkpoint's weights mean nothing there.
_SHAPE = ("r", "alpha", "rslora", "target_modules", "dora", "init", "modules_to_save")
# With PiSSA the frozen weights are what the adapter's first weights left of the base model's.
_PISSA = ("lora.qlora", "model.dtype", "train.seed")


@dataclass(frozen=True)
class Identity:
    """What decides an adapter.

    Attributes:
        sections: The recipe's sections that training reads, as JSON values.
        data: Digest of the token files.
        base: Digest of the base model.
        code: Digest of each file of ``yue`` that decides what training does.
        versions: Of the libraries that do the arithmetic, without the tag of a build.
    """

    sections: Sections
    data: str
    base: str
    code: dict[str, str]
    versions: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """The name of the run's folder: a digest of all of it."""
        return value_digest({**asdict(self), "sections": deciding_values(self.sections)})

    def differences_from(self, other: Identity) -> list[str]:
        """Say what another run has that this one has not: ``train.lr 0.01, here 0.02``."""
        files = sorted(f for f in self.code | other.code if self.code.get(f) != other.code.get(f))
        names = sorted(n for n in self.versions | other.versions)
        pairs = ((name, other.versions.get(name), self.versions.get(name)) for name in names)
        return [
            *(["other songs"] if other.data != self.data else []),
            *(["another base model"] if other.base != self.base else []),
            *key_differences(other.sections, self.sections).values(),
            *(f"code: {file} changed" for file in files),
            *(f"{name} {old or 'absent'}, here {new or 'absent'}"
              for name, old, new in pairs if old != new),
        ]  # fmt: skip

    def obstacle_to(self, other: Identity) -> str | None:
        """Say why this run cannot go on from another's checkpoint; None where it can."""
        if other.data != self.data:
            return "it learned other songs"
        if other.base != self.base:
            return "it has another base model"
        differences = key_differences(other.sections, self.sections)
        names = [f"lora.{key}" for key in _SHAPE]
        if self.sections["lora"].get("init") == "pissa":
            names += _PISSA
        found = [differences[name] for name in names if name in differences]
        return f"its adapter is of another kind ({'; '.join(found)})" if found else None


def identity_of_run(
    sections: Sections, data: str, base: str, programs: tuple[str, ...]
) -> Identity:
    """Return the identity of a run by this code and these libraries.

    Args:
        sections: What the recipe says of training.
        data: Digest of the token files.
        base: Digest of the base model.
        programs: Modules in which training begins: their imports are its code.
    """
    return Identity(sections, data, base, dict(_own_code(programs)), _library_versions(sections))


def versions() -> dict[str, str]:
    """Versions of this project and of the libraries that do the arithmetic, builds included."""
    return {"yue": yue.__version__, **{name: version(name) for name in _LIBRARIES}}


def machine() -> dict[str, Any]:
    """Return what a run runs on, as JSON values."""
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }


def data_digest(splits: Mapping[str, TokenFiles]) -> str:
    """Return the digest of token files, by the checksums written with them, or else their bytes."""
    return value_digest({name: _file_identity(files) for name, files in splits.items()})


def code_digests(programs: tuple[str, ...], package: Path | None = None) -> dict[str, str]:
    """Return the digest of each file that decides what programs do, by ``yue/room/file.py``.

    Args:
        programs: Dotted names of modules.
        package: Folder of the package; None is the running one.
    """
    imports = Imports(package)
    root = imports.package.parent
    return {file: file_digest(root / file)[:16] for file in imports.closure(programs)}


@cache
def _own_code(programs: tuple[str, ...]) -> Mapping[str, str]:
    return code_digests(programs)


def write_identity(folder: Path, identity: Identity, notes: Mapping[str, Any]) -> None:
    """Write the record that lies beside a run's checkpoints.

    Args:
        folder: The run's.
        identity: What it is.
        notes: What else a reader wants to know: the recipe's name, steps, how it runs.
    """
    write_json(folder / FILE, {**asdict(identity), **notes})


def read_identity(folder: Path) -> tuple[Identity, dict[str, Any]] | None:
    """Read the record of a run's folder and its notes; None where an older version wrote none."""
    try:
        record = read_json(folder / FILE)
        sections, data, base, code, libraries = (
            record.pop(name) for name in Identity.__dataclass_fields__
        )
        found = Identity(sections, data, base, dict(code), dict(libraries))
        value_digest(deciding_values(sections))  # raises for what no recipe holds, such as NaN
    except (AttributeError, KeyError, TypeError, ValueError, OSError, YueError):
        return None
    return found, record


def _file_identity(files: TokenFiles) -> dict[str, Any]:
    if files.info.options is not None:
        return asdict(files.info)
    paths = (bin_path(files.prefix), idx_path(files.prefix))
    return {path.suffix: file_digest(path) for path in paths}


def _library_versions(sections: Sections) -> dict[str, str]:
    """Return the versions of what computes.

    A build's own tag (``2.11.0+cpu``, ``+cu128``) says for which device the same version was
    built, and the device is no part of a run's identity. Nor is the version of ``yue``: its code
    is. Packages that only some recipes use count where they are used.
    """
    names = [*_LIBRARIES]
    if sections["train"]["loss_kernel"] == "liger":
        names.append("liger-kernel")
    if sections["lora"]["qlora"]:
        names.append("bitsandbytes")
    found = {}
    for name in names:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:  # reported elsewhere, in the user's words
            continue
    return found

"""Whether DVC would make a path: it is an output of a pipeline file, or tracked by ``dvc add``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def is_made(path: str, root: Path) -> bool:
    """Whether ``path``, relative to ``root``, lies in what DVC makes.

    Looks at the pipeline files in the folders above the path, where DVC's own convention puts
    them; what those write elsewhere is not found.
    """
    wanted = PurePosixPath(normpath(path))
    if wanted.is_absolute():
        return False
    for folder in wanted.parents:
        if any(wanted.is_relative_to(out) for out in _outs(root / folder / "dvc.yaml", folder)):
            return True
    tracked = [wanted, *wanted.parents][:-1]
    return any((root / f"{part}.dvc").is_file() for part in tracked)


def _outs(file: Path, folder: PurePosixPath) -> list[str]:
    """Outputs of a pipeline file's stages, relative to the project."""
    try:
        stages = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["stages"]
        bodies = [part for stage in stages.values() for part in _unfolded(stage)]
        return [out for name, body in bodies for out in _outs_of(name, body, folder)]
    except (OSError, ValueError, YAMLError, KeyError, TypeError, AttributeError):
        return []  # DVC itself says what is wrong with a pipeline file


def _outs_of(name: str, body: Mapping[str, Any], folder: PurePosixPath) -> Iterator[str]:
    base = folder / str(body.get("wdir", "."))
    for out in body.get("outs") or ():
        text = next(iter(out)) if isinstance(out, Mapping) else str(out)
        yield normpath(str(base / text.replace("${key}", name).replace("${item}", name)))


def _unfolded(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(item, body) for each stage that ``foreach`` stands for; a plain stage is one, named ""."""
    if "foreach" in stage:
        items = stage["foreach"]
        yield from ((str(item), stage["do"]) for item in items if not isinstance(items, str))
    else:
        yield "", stage

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


def _outs(file: Path, folder: PurePosixPath) -> Iterator[str]:
    """Outputs of a pipeline file's stages, relative to the project."""
    try:
        stages = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["stages"]
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError):
        return  # DVC itself says what is wrong with a pipeline file
    for stage in stages.values():
        for name, body in _unfolded(stage):
            base = folder / str(body.get("wdir", "."))
            for out in body.get("outs") or ():
                text = next(iter(out)) if isinstance(out, Mapping) else str(out)
                text = text.replace("${key}", name).replace("${item}", name)
                yield normpath(str(base / text))


def _unfolded(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(item, body) for each stage that ``foreach`` stands for; a plain stage is one, named ""."""
    if "foreach" in stage:
        items = stage["foreach"]
        yield from ((str(item), stage["do"]) for item in items if not isinstance(items, str))
    else:
        yield "", stage

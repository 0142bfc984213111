"""Whether DVC would make a path: it is an output of a pipeline file, or tracked by ``dvc add``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_FETCH = "yue fetch "


@dataclass(frozen=True)
class _Out:
    """An output: where, the stage as DVC names it on a command line, and what the stage runs."""

    path: str
    target: str
    command: str


def is_made(path: str, root: Path) -> bool:
    """Whether ``path``, relative to ``root``, lies in what DVC makes.

    Looks at the pipeline files in the folders above the path, where DVC's own convention puts
    them; what those write elsewhere is not found.
    """
    wanted = PurePosixPath(normpath(path))
    tracked = [wanted, *wanted.parents][:-1]
    return _made_by(wanted, root) is not None or (
        not wanted.is_absolute() and any((root / f"{part}.dvc").is_file() for part in tracked)
    )


def fetching_stage(path: str, root: Path) -> str | None:
    """The stage that downloads ``path``, as ``dvc repro`` takes it; None if there is none."""
    out = _made_by(PurePosixPath(normpath(path)), root)
    return out.target if out is not None and _FETCH in out.command else None


def _made_by(wanted: PurePosixPath, root: Path) -> _Out | None:
    if wanted.is_absolute():
        return None
    outs = (out for folder in wanted.parents for out in _outs(root / folder / "dvc.yaml", folder))
    return next((out for out in outs if wanted.is_relative_to(out.path)), None)


def _outs(file: Path, folder: PurePosixPath) -> list[_Out]:
    """Outputs of a pipeline file's stages, relative to the project."""
    try:
        stages = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))["stages"]
        return [
            out
            for name, stage in stages.items()
            for item, body in _unfolded(stage)
            for out in _outs_of(f"{name}@{item}" if item else str(name), item, body, folder)
        ]
    except (OSError, ValueError, YAMLError, KeyError, TypeError, AttributeError, RecursionError):
        return []  # DVC itself says what is wrong with a pipeline file


def _outs_of(
    stage: str, item: str, body: Mapping[str, Any], folder: PurePosixPath
) -> Iterator[_Out]:
    base = folder / str(body.get("wdir", "."))
    target = f"{folder / 'dvc.yaml'}:{stage}"
    for out in body.get("outs") or ():
        text = next(iter(out)) if isinstance(out, Mapping) else str(out)
        path = normpath(str(base / text.replace("${key}", item).replace("${item}", item)))
        yield _Out(path, target, str(body.get("cmd", "")))


def _unfolded(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(item, body) for each stage that ``foreach`` stands for; a plain stage is one, named ""."""
    if "foreach" in stage:
        items = stage["foreach"]
        yield from ((str(item), stage["do"]) for item in items if not isinstance(items, str))
    else:
        yield "", stage

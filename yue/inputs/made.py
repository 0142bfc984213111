"""Whether DVC makes a path: it is an output of a pipeline file, or tracked by ``dvc add``.

And whether copies of a project, that git and DVC make, lack it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


@dataclass(frozen=True)
class MadeStage:
    """A stage of a pipeline file; all paths are relative to the project.

    Attributes:
        name: As the file names it; of a ``foreach`` stage the name before ``@``.
        outs: What it makes.
        deps: What it reads.
    """

    name: str
    outs: tuple[str, ...]
    deps: tuple[str, ...]


def is_made(path: str, root: Path) -> bool:
    """Tell whether ``path``, relative to ``root``, lies in what DVC makes.

    Looks at the pipeline files in the folders above the path, where DVC's own convention puts
    them; what those write elsewhere is not found.
    """
    wanted = PurePosixPath(normpath(path))
    if wanted.is_absolute():
        return False
    made = (
        out
        for folder in wanted.parents
        for stage in stages_of(root, folder.as_posix())
        for out in stage.outs
    )
    return any(wanted.is_relative_to(out) for out in made) or is_added(path, root)


def is_added(path: str, root: Path) -> bool:
    """Tell whether ``path``, relative to ``root``, lies in what ``dvc add`` tracks."""
    wanted = PurePosixPath(normpath(path))
    if wanted.is_absolute():
        return False
    return any((root / f"{part}.dvc").is_file() for part in [wanted, *wanted.parents][:-1])


def is_untracked(path: str, root: Path) -> bool:
    """Tell whether ``path`` is in ``root`` and in no copy that git and DVC make: git ignores it.

    What git merely does not know yet goes into experiments; an absolute path is the same for all.
    """
    place = root / path
    line = ["git", "check-ignore", "--quiet", place.name]
    try:
        if Path(path).is_absolute() or not place.exists() or is_made(path, root):
            return False
        return subprocess.run(line, cwd=place.parent, check=False).returncode == 0
    except OSError:
        return False  # not ours to read; or there is no git, and so no copy


def stages_of(root: Path, folder: str) -> tuple[MadeStage, ...]:
    """Return the stages of ``folder``/dvc.yaml of a project; none where it cannot be read.

    DVC itself says what is wrong with a pipeline file.
    """
    try:
        text = (root / folder / "dvc.yaml").read_text(encoding="utf-8")
        stages = YAML(typ="safe", pure=True).load(text)["stages"]
        return tuple(
            MadeStage(
                str(name),
                tuple(_paths(body, "outs", folder, item)),
                tuple(_paths(body, "deps", folder, item)),
            )
            for name, stage in stages.items()
            for item, body in _unfolded(stage)
        )
    except (OSError, ValueError, YAMLError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


def _paths(body: Mapping[str, Any], kind: str, folder: str, item: str) -> Iterator[str]:
    base = PurePosixPath(folder) / str(body.get("wdir", "."))
    for entry in body.get(kind) or ():
        text = next(iter(entry)) if isinstance(entry, Mapping) else str(entry)
        yield normpath(str(base / text.replace("${key}", item).replace("${item}", item)))


def _unfolded(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (item, body) for each stage that ``foreach`` stands for; a plain stage is one.

    Items that a variable lists are one, named "": whether there are any is the variable's matter.
    """
    items = stage.get("foreach")
    if items is None or isinstance(items, str):
        yield "", stage if items is None else stage["do"]
    else:
        yield from ((str(item), stage["do"]) for item in items)

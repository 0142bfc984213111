"""What DVC makes of what a recipe names: outputs of pipeline files, tracked paths, nothing.

``demo/needed.yaml`` lists the stages of demo/dvc.yaml that the active recipe needs. DVC looks after
every output of every pipeline file that it finds. Those that no stage of the active recipe ever
makes or reads (the demo's songs, its model) would make ``dvc status`` unclean and ``dvc commit``,
``checkout``, ``pull`` and ``exp apply`` fail. So the stages of demo/dvc.yaml are each repeated over
a list of this file: one item where the recipe needs the stage, none where it does not, and then
there is no such stage.
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

from yue.files import write_text
from yue.recipe.model import Generate, Recipe

FOLDER = "demo"
FILE = "demo/needed.yaml"
_ITEM = "demo"  # DVC then names the stage songs@demo
_HEAD = """\
# Written by `yue use`: the stages of demo/dvc.yaml that the active recipe needs have one item, the
# others none, so that DVC does not look for what nothing makes.
"""

WATCHED = {
    "audio_prompt": "prompts",
    "vocal_prompt": "prompts",
    "instrumental_prompt": "prompts",
    "stage2": "models/stage2",
}
"""Keys of generate that may be empty, and the folders of which dvc.yaml knows in their place."""


def named_paths(recipe: Recipe) -> tuple[str, ...]:
    """Return every path that a recipe names."""
    return (
        recipe.data.songs_dir,
        recipe.separate.weights,
        recipe.codec.path,
        recipe.tokens.tokenizer,
        recipe.mix.folder,
        recipe.model.path,
        *(path for _, path, _ in given(recipe.generate)),
    )


def given(generate: Generate) -> Iterator[tuple[str, str, str]]:
    """Yield key, path and watched folder of what samples are made with."""
    for key, folder in WATCHED.items():
        path: str | None = getattr(generate, key)
        if path is not None:
            yield key, path, folder


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
    """Tell whether ``path``, relative to ``root``, lies in what DVC makes or ``dvc add`` tracks.

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
    tracked = any((root / f"{part}.dvc").is_file() for part in [wanted, *wanted.parents][:-1])
    return tracked or any(wanted.is_relative_to(out) for out in made)


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
            for item, body in _unfold_items(stage)
        )
    except (OSError, ValueError, YAMLError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


def _paths(body: Mapping[str, Any], kind: str, folder: str, item: str) -> Iterator[str]:
    base = PurePosixPath(folder) / str(body.get("wdir", "."))
    for entry in body.get(kind) or ():
        text = next(iter(entry)) if isinstance(entry, Mapping) else str(entry)
        yield normpath(str(base / text.replace("${key}", item).replace("${item}", item)))


def _unfold_items(stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (item, body) for each stage that ``foreach`` stands for; a plain stage is one.

    Items that a variable lists are one, named "": whether there are any is the variable's matter.
    """
    items = stage.get("foreach")
    if items is None or isinstance(items, str):
        yield "", stage if items is None else stage["do"]
    else:
        yield from ((str(item), stage["do"]) for item in items)


@dataclass(frozen=True)
class Change:
    """What became of ``demo/needed.yaml``.

    Attributes:
        added: Stages that it did not list and the recipe needs.
        removed: Stages that it listed and the recipe does not need.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]


def needed_stages(recipe: Recipe, root: Path) -> tuple[str, ...]:
    """Return the stages of demo/dvc.yaml that make what a recipe names, and what those read."""
    stages = stages_of(root, FOLDER)
    found: dict[str, MadeStage] = {}
    wanted = [path for path in named_paths(recipe) if not PurePosixPath(path).is_absolute()]
    while wanted:
        path = PurePosixPath(normpath(wanted.pop()))
        for stage in stages:
            if stage.name not in found and any(path.is_relative_to(out) for out in stage.outs):
                found[stage.name] = stage
                wanted += stage.deps
    return tuple(stage.name for stage in stages if stage.name in found)


def needed_text(recipe: Recipe | None, root: Path) -> str | None:
    """Return the text of ``demo/needed.yaml`` for a recipe; None where there is no demo/dvc.yaml.

    Args:
        recipe: The active recipe; None for one that cannot be read: DVC can, and runs its first
            stage.
        root: A folder with demo/dvc.yaml: the project, or what projects are made from.
    """
    needed = needed_stages(recipe, root) if recipe else ()
    stages = (stage.name for stage in stages_of(root, FOLDER))
    lines = [f"{name}: {f'[{_ITEM}]' if name in needed else '[]'}\n" for name in stages]
    return _HEAD + "".join(lines) if lines else None


def write_needed(recipe: Recipe, root: Path) -> Change:
    """Bring a project's ``demo/needed.yaml`` up to its active recipe, where it is not."""
    text = needed_text(recipe, root)
    if text is None:
        return Change((), ())
    file = root / FILE
    before, now = _read_listed(file), set(needed_stages(recipe, root))
    try:
        same = file.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        same = False
    if not same:
        write_text(file, text)
    return Change(tuple(sorted(now - before)), tuple(sorted(before - now)))


def _read_listed(file: Path) -> set[str]:
    """Return the stages that the file has an item for; none where it is missing or damaged."""
    try:
        lists = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
        return {str(name) for name, items in lists.items() if items}
    except (OSError, ValueError, YAMLError, AttributeError, RecursionError):
        return set()

"""``demo/needed.yaml``: the stages of demo/dvc.yaml that the active recipe needs.

DVC looks after every output of every pipeline file that it finds. Those that no stage of the
active recipe ever makes or reads (the demo's songs, its model) would make ``dvc status`` unclean
and ``dvc commit``, ``checkout``, ``pull`` and ``exp apply`` fail. So the stages of demo/dvc.yaml
are each repeated over a list of this file: one item where the recipe needs the stage, none where
it does not, and then there is no such stage.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from yue.files import write_text
from yue.inputs.made import MadeStage, stages_of
from yue.inputs.named import named_paths
from yue.recipe.model import Recipe

FOLDER = "demo"
FILE = "demo/needed.yaml"
_ITEM = "demo"  # DVC then names the stage songs@demo
_HEAD = """\
# Written by `yue use`: the stages of demo/dvc.yaml that the active recipe needs have one item, the
# others none, so that DVC does not look for what nothing makes.
"""


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


def needed_text(recipe: Recipe, root: Path) -> str | None:
    """Return the text of ``demo/needed.yaml`` for a recipe; None where there is no demo/dvc.yaml.

    Args:
        recipe: The active recipe.
        root: A folder with demo/dvc.yaml: the project, or what projects are made from.
    """
    stages = stages_of(root, FOLDER)
    return _text([stage.name for stage in stages], needed_stages(recipe, root)) if stages else None


def nothing_needed(root: Path) -> str:
    """Return its text for a recipe that cannot be read: DVC can, and runs its first stage."""
    return _text([stage.name for stage in stages_of(root, FOLDER)], ())


def write_needed(recipe: Recipe, root: Path) -> Change:
    """Bring a project's ``demo/needed.yaml`` up to its active recipe, where it is not."""
    text = needed_text(recipe, root)
    if text is None:
        return Change((), ())
    file = root / FILE
    before, now = _listed(file), set(needed_stages(recipe, root))
    try:
        same = file.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        same = False
    if not same:
        write_text(file, text)
    return Change(tuple(sorted(now - before)), tuple(sorted(before - now)))


def _text(stages: Collection[str], needed: Collection[str]) -> str:
    lines = (f"{name}: {f'[{_ITEM}]' if name in needed else '[]'}\n" for name in stages)
    return _HEAD + "".join(lines)


def _listed(file: Path) -> set[str]:
    """Return the stages that the file has an item for; none where it is missing or damaged."""
    try:
        lists = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
        return {str(name) for name, items in lists.items() if items}
    except (OSError, ValueError, YAMLError, AttributeError, RecursionError):
        return set()

"""Queued and ``--temp`` experiments: the inputs of the project that they came from, by links.

DVC runs such an experiment in a folder of its own, which holds what git or DVC tracks. Songs that
git ignores and weights that no cache holds are not there; fetching 14 GB again for each value of a
grid would be absurd. The stage ``inputs`` links them instead, file by file, since DVC looks into
folders and follows links to files in them, but not links to folders.
"""

from __future__ import annotations

import os
from pathlib import Path

from yue.inputs.named import WATCHED
from yue.recipe.model import Recipe

MODELS = "models"
"""The folder of weights: a dependency of ``inputs``, so linked as a whole, or its content, and
with it the stage, would be another than in the project."""


def origin_of(root: Path) -> Path | None:
    """Return the project that an experiment in ``root`` was started from; None in the project.

    DVC names its root in ``DVC_ROOT`` for every stage it runs; in experiments that is the root of
    the repository they came from.
    """
    named = os.environ.get("DVC_ROOT")
    here = next((p for p in (root, *root.parents) if (p / ".dvc").is_dir()), None)
    if not named or here is None or Path(named).resolve() == here.resolve():
        return None
    return Path(named) / root.relative_to(here)


def link_inputs(recipe: Recipe, root: Path, origin: Path) -> list[str]:
    """Link what the recipe names, is not in ``root`` and is in ``origin``.

    What an experiment has of its own (git or DVC tracks it) stays as it is.

    Args:
        recipe: The active recipe.
        root: The experiment's folder.
        origin: The project's.

    Returns:
        The paths, relative to both, in which something was linked.

    Raises:
        OSError: A link cannot be made.
    """
    shared = dict.fromkeys((MODELS, recipe.separate.weights, recipe.mix.folder, *WATCHED.values()))
    own = (recipe.data.songs_dir, recipe.codec.path, recipe.tokens.tokenizer, recipe.model.path)
    linked = [
        path for path in shared if _inside(path) and _link_missing(origin / path, root / path)
    ]
    for path in own:
        if _inside(path) and not (root / path).exists() and (origin / path).exists():
            _link_missing(origin / path, root / path)
            linked.append(path)
    return linked


def _inside(path: str) -> bool:
    """Tell whether a recipe's path is relative; an absolute one is the same for experiments."""
    return not Path(path).is_absolute()


def _link_missing(source: Path, target: Path) -> bool:
    """Link a file, or each file in a folder, where ``target`` has none; tell whether one was."""
    if source.is_dir() and not source.is_symlink():
        target.mkdir(parents=True, exist_ok=True)
        made = False
        for entry in sorted(source.iterdir()):
            made |= _link_missing(entry, target / entry.name)
        return made
    if os.path.lexists(target) or not source.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.resolve())
    return True

"""Queued and ``--temp`` experiments: the inputs of the project that they came from, by links.

DVC runs such an experiment in a folder of its own, which holds what git or DVC tracks. Songs that
git ignores and weights that no cache holds are not there; fetching 14 GB again for each value of a
grid would be absurd. The stage ``inputs`` links them instead, file by file, since DVC looks into
folders and follows links to files in them, but not links to folders.

DVC runs that stage only where something of it has changed. Weights in ``models/`` are a change, for
the copy lacks them; songs cannot be a dependency, for it may lack their folder. So a project that
has inputs which no copy has keeps a file in ``models/`` that says so, and that no copy has either.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from yue.files import write_text
from yue.inputs.pipeline_outputs import WATCHED, is_untracked
from yue.recipe.model import Recipe

_DOWNLOADS = ".cache"  # unfinished ones, which are the project's to go on with
MODELS = "models"
"""The folder of weights: a dependency of ``inputs``, so linked as a whole, or its content, and
with it the stage, would be another than in the project."""


MARKER = Path(MODELS, ".untracked")
"""In a project that names inputs which neither git nor DVC tracks; git ignores it too."""

_TEXT = """\
Written by `yue inputs`: the recipe names files that neither git nor DVC tracks. A queued
experiment lacks them, and this file, by which DVC sees that it must run `yue inputs` to link them.
"""


def origin_of(root: Path) -> Path | None:
    """Return the project that an experiment in ``root`` was started from; None in the project.

    DVC names its root in ``DVC_ROOT`` for every stage it runs; in experiments that is the root of
    the repository they came from, in whose ``.dvc/tmp`` they lie. Where they do not, the variable
    is of another project, from whose stage or shell this one is run: DVC leaves it as it is.
    """
    named = os.environ.get("DVC_ROOT")
    here = next((p for p in (root, *root.parents) if (p / ".dvc").is_dir()), None)
    if not named or here is None:
        return None
    if not here.resolve().is_relative_to((Path(named) / ".dvc" / "tmp").resolve()):
        return None
    return Path(named) / root.relative_to(here)


def mark_untracked(recipe: Recipe, root: Path) -> None:
    """Write or remove a project's :data:`MARKER`, as the recipe's inputs there ask.

    What lies in ``models/`` needs none, and a clone with the same weights must find no change.

    Raises:
        OSError: It cannot be written or removed.
    """
    elsewhere = (path for path in _own(recipe) if PurePosixPath(path).parts[:1] != (MODELS,))
    if any(is_untracked(path, root) for path in elsewhere):
        write_text(root / MARKER, _TEXT)
    else:
        (root / MARKER).unlink(missing_ok=True)


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
    linked = [
        path for path in shared if _inside(path, root) and _link_missing(origin / path, root / path)
    ]
    for path in _own(recipe):
        there = not _inside(path, root) or (root / path).exists()
        if not there and _link_missing(origin / path, root / path):
            linked.append(path)
    return linked


def _own(recipe: Recipe) -> tuple[str, ...]:
    """Return the paths that are in no folder which every project has."""
    return recipe.data.songs_dir, recipe.codec.path, recipe.tokens.tokenizer, recipe.model.path


def _inside(path: str, root: Path) -> bool:
    """Tell whether a path lies in ``root`` itself: an absolute one is the same for experiments."""
    relative = Path(path)
    above = list(relative.parents)[:-1]
    return not relative.is_absolute() and not any((root / part).is_symlink() for part in above)


def _link_missing(source: Path, target: Path) -> bool:
    """Link a file, or each file in a folder, where ``target`` has none; tell whether one was.

    Nothing is written into what a link of the experiment leads to, which is elsewhere, nor into a
    folder that DVC tracks, which is that of the experiment's revision. A folder that the project
    has put a link in place of (models/, on another disk) is still a folder in git's last version.
    """
    if source.is_dir() and (not source.is_symlink() or _takes_files(target)):
        if os.path.lexists(target) and not _takes_files(target):
            return False
        target.mkdir(parents=True, exist_ok=True)
        made = False
        for entry in sorted(source.iterdir()):
            if entry.name != _DOWNLOADS:
                made |= _link_missing(entry, target / entry.name)
        return made
    if os.path.lexists(target) or not (source.is_file() or source.is_dir()):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.resolve())
    return True


def _takes_files(target: Path) -> bool:
    """Return whether what an experiment has is a folder of its own, filled by git at most."""
    tracked = target.with_name(f"{target.name}.dvc").is_file()
    return target.is_dir() and not target.is_symlink() and not tracked

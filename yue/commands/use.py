"""``yue use``: make a recipe the active one, without losing edits of the last."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from yue.commands.project import NO_PROJECT
from yue.errors import RecipeError, UsageError
from yue.files import write_text
from yue.inputs.pipeline_outputs import write_needed
from yue.inputs.recipe_notes import recipe_notes, shown, upkeep_notes
from yue.recipe.differences import drift_of
from yue.recipe.fault_text import shown_path
from yue.recipe.model import Recipe
from yue.recipe.read import build_recipe, checked, recipe_of, same_value
from yue.recipe.resolve import ACTIVE, Resolved, left_out, resolve
from yue.recipe.undo import committed_text
from yue.recipe.writing import active_text, completed_text
from yue.recipe.yaml_positions import Document, parse_document, read_document
from yue.wording import quoted

EXAMPLE = "yue use recipes/demo.yaml"
_FIX = "keep it as a recipe of its own (cp params.yaml recipes/mine.yaml), or give --force"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The recipe, and whether edits may go."""
    parser.add_argument(
        "recipe",
        help="a recipe file, or the name of one in recipes/; params.yaml gets the keys it lacks",
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite a params.yaml that was edited"
    )


def run(args: argparse.Namespace) -> None:
    """Check the recipe and write params.yaml in the current folder."""
    root = Path.cwd()
    file = recipe_file(args.recipe)
    if file.absolute() == root / ACTIVE:
        complete(file)
        return
    recipe = activate(file, root, force=args.force)
    print(f"use: {shown_path(file)} is the active recipe (params.yaml)")
    print("  next: dvc repro", flush=True)
    notes = [*upkeep_notes(resolve(read_document(file))), *recipe_notes(recipe, root)]
    for note in notes:
        print(note, file=sys.stderr)


def complete(params: Path) -> None:
    """Write into params.yaml the keys that it leaves out; values, comments and header stay.

    What DVC reads beside it, ``demo/needed.yaml``, is brought up to it.

    Raises:
        RecipeError: It cannot be read, or has faults.
    """
    document = read_document(params)
    missing, text = left_out(document), completed_text(document)
    if text != f"{document.text}\n":
        write_text(params, text)
    write_needed(recipe_of(document), params.absolute().parent)
    done = f"got {', '.join(missing)}" if missing else "has every key"
    print(f"use: {shown_path(params)} {done}")
    print("  next: dvc repro", flush=True)


def activate(file: Path, root: Path, *, force: bool = False) -> Recipe:
    """Write a recipe to a project's params.yaml.

    Args:
        file: The recipe.
        root: The project.
        force: Overwrite a params.yaml that was edited.

    Raises:
        RecipeError: The recipe has faults.
        UsageError: Edits would be lost.
    """
    params = root / ACTIVE
    if file.absolute() == params:
        raise UsageError(
            f"{ACTIVE} is the active recipe already", fix="name another: `yue recipes`"
        )
    found = checked(read_document(file))
    if params.exists() and not force:
        _refuse_to_lose_edits(params, found)
    write_text(params, active_text(found, file, root))
    recipe = build_recipe(found.values)
    write_needed(recipe, root)
    return recipe


def recipe_file(name: str) -> Path:
    """``name`` as a file, or as the name of a recipe in recipes/, which may be a folder's too."""
    file, named = Path(name), Path("recipes") / f"{name}.yaml"
    if not file.exists() and not Path("recipes").is_dir():
        raise UsageError(f"{name}: no such file, and no recipes/ here", fix=NO_PROJECT)
    bare = file.name == name and not file.suffix and not file.exists()
    return named if bare or (not file.is_file() and named.is_file()) else file


def _refuse_to_lose_edits(file: Path, new: Resolved) -> None:
    """Raise a UsageError when ``file`` has values that no recipe file has."""
    try:
        params = read_document(file)
    except RecipeError as error:
        raise UsageError(f"params.yaml would be lost, and has faults\n{error}", fix=_FIX) from error
    if same_value(resolve(params).values, new.values):
        return
    drift = drift_of(params, file.parent)
    if not drift.edited or _is_kept(params, file.parent / "recipes"):
        return
    if drift.recipe is None:
        raise UsageError(
            "params.yaml would be lost",
            why="its header does not say which recipe it was written from",
            fix=_FIX,
        )
    changes = f": {shown(drift.differences)}" if drift.differences else ""
    raise UsageError(
        f"params.yaml was edited since `yue use {quoted(Path(drift.recipe))}`{changes}",
        why="these edits, or values that an experiment has set, would be lost",
        fix=_back(file) + _FIX,
    )


def _is_kept(params: Document, folder: Path) -> bool:
    """Tell whether a recipe of ``folder`` has the values of params.yaml, as the fix asks for."""
    values = resolve(params).values
    for file in sorted(folder.glob("*.yaml")):
        with contextlib.suppress(RecipeError):
            if same_value(resolve(read_document(file)).values, values):
                return True
    return False


def _back(file: Path) -> str:
    """How to take an experiment's values back, where git has the recipe as `yue use` wrote it."""
    committed = committed_text(file)
    try:
        edited = committed is None or drift_of(parse_document(committed, ""), file.parent).edited
    except RecipeError:
        return ""
    return "" if edited else "go back to the committed one (git restore params.yaml), "

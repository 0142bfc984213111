"""``yue use``: make a recipe the active one, without losing edits of the last."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from yue.commands.project import NO_PROJECT
from yue.errors import UsageError
from yue.files import write_text
from yue.inputs.pipeline_outputs import write_needed
from yue.inputs.recipe_notes import recipe_notes, upkeep_notes
from yue.project.activate import activate
from yue.recipe.fault_text import shown_path
from yue.recipe.read import recipe_of
from yue.recipe.resolve import ACTIVE, left_out, resolve
from yue.recipe.writing import completed_text
from yue.recipe.yaml_positions import read_document

EXAMPLE = "yue use recipes/demo.yaml"


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


def recipe_file(name: str) -> Path:
    """``name`` as a file, or as the name of a recipe in recipes/, which may be a folder's too."""
    file, named = Path(name), Path("recipes") / f"{name}.yaml"
    if not file.exists() and not Path("recipes").is_dir():
        raise UsageError(f"{name}: no such file, and no recipes/ here", fix=NO_PROJECT)
    bare = file.name == name and not file.suffix and not file.exists()
    return named if bare or (not file.is_file() and named.is_file()) else file

"""``yue validate``: every fault of a recipe at once; without a name, the pipeline's first stage."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from yue.commands import Verb
from yue.commands.stage import project_paths, run_stage
from yue.errors import RecipeError
from yue.inputs.recipe_notes import Note, drift_notes, recipe_notes, upkeep_notes
from yue.paths import Paths
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.read import build_recipe, checked
from yue.recipe.undo import undo_faults
from yue.recipe.yaml_positions import read_document

EXAMPLE = "yue validate recipes/demo.yaml"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipes",
        nargs="*",
        type=Path,
        metavar="RECIPE",
        help="recipe files (default: params.yaml, the active recipe)",
    )


def run(args: argparse.Namespace) -> None:
    """Check, and say what is worth knowing about inputs and drift."""
    if args.recipes:
        _validate_files(args.recipes)
        return
    paths = project_paths()
    try:
        run_stage("validate")
    except RecipeFaultsError as error:
        if os.environ.get("DVC_EXP_NAME"):
            _undo_override(paths, error)
        raise
    params = read_document(paths.params)
    found = checked(params)
    notes = [*upkeep_notes(found), *drift_notes(params, paths.root)]
    _print_notes([*notes, *recipe_notes(build_recipe(found.values), paths.root)])


def _undo_override(paths: Paths, error: RecipeFaultsError) -> None:
    """Leave the workspace as it was before `dvc exp run -S` wrote the faults into params.yaml."""
    undone = undo_faults(paths.params, error)
    if undone is None:
        return
    recipe, keys = undone
    from yue.stages.validate import main

    with contextlib.suppress(RecipeFaultsError):  # without the marker, DVC checks it again
        main(recipe, paths)  # DVC has removed the marker, and the recipe is valid again
    words = f"note: params.yaml has its earlier value again for {', '.join(keys)}"
    print(words, file=sys.stderr)


def _validate_files(files: Iterable[Path]) -> None:
    errors = []
    for file in files:
        try:
            found = checked(read_document(file))
        except RecipeError as error:
            errors.append(error)
            continue
        recipe = build_recipe(found.values)
        print(f"validate: {file} is the recipe {recipe.name}: no faults")
        _print_notes([*upkeep_notes(found), *recipe_notes(recipe, Path.cwd())])
    if errors:
        raise RecipeError("\n".join(str(error) for error in errors))


def _print_notes(notes: Iterable[Note]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


VERBS = {"validate": Verb(EXAMPLE, _add_arguments, run)}

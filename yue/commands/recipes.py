"""Verbs on recipe files: ``recipes`` lists them or shows one, ``use`` makes one active."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.commands import Verb
from yue.commands.stage import NO_PROJECT
from yue.errors import RecipeError, UsageError
from yue.files import write_text
from yue.inputs.pipeline_outputs import write_needed
from yue.inputs.recipe_notes import recipe_notes, upkeep_notes
from yue.project.activate import activate
from yue.recipe.fault_text import RecipeFaultsError, shown_path
from yue.recipe.read import checked, recipe_of
from yue.recipe.resolve import ACTIVE, Resolved, left_out, resolve
from yue.recipe.schema import Key, keys
from yue.recipe.writing import completed_text, origin
from yue.recipe.yaml_positions import read_document, shown_value
from yue.wording import quoted

RECIPES_EXAMPLE = "yue recipes yue-s1-24gb"
_MIN_TEXT_WIDTH = 30  # characters of a description, however narrow the terminal
_MAX_VALUE_WIDTH = 48  # characters of a value before the place moves to the right


@dataclass(frozen=True)
class Row:
    """A recipe as it is listed; ``faults`` counts what makes it unusable."""

    name: str
    description: str
    path: str
    active: bool
    faults: int


@dataclass(frozen=True)
class Value:
    """A key's value and where it comes from: a line of a file, or the schema's default (None)."""

    key: str
    value: Any
    file: str | None
    line: int | None
    inherited: bool


def _add_recipes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe",
        nargs="?",
        help="a recipe file, or the name of one in recipes/: all its values, and where each comes "
        "from (default: a list of the recipes)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run_recipes(args: argparse.Namespace) -> None:
    """Print a table of recipes/*.yaml, the active one starred; or one recipe in full."""
    if args.recipe is not None:
        _print_recipe(checked(read_document(recipe_file(args.recipe))), as_json=args.json)
        return
    files = sorted(Path("recipes").glob("*.yaml"))
    if not files:
        raise UsageError(f"no recipes/*.yaml in {Path.cwd()}", fix=NO_PROJECT)
    active = _active_recipe_file()
    rows = [_row(file, active) for file in files]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    heads = [f"{' *'[row.active]} {Path(row.path).stem}" for row in rows]  # names `yue use` takes
    width, path_width = max(map(len, heads)), max(len(row.path) for row in rows)
    for head, row in zip(heads, rows, strict=True):
        print(_fill(f"{head:{width}}  {row.path:{path_width}}  ", row.description))
    print("make one active: yue use RECIPE (* is active now); one in full: yue recipes RECIPE")


def _fill(start: str, text: str) -> str:
    """Return text after the start of a line, on a terminal with further lines below the text."""
    # Whoever reads a pipe wants a row a recipe, whatever a library has put into COLUMNS.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    if not columns:
        return start + text
    width = max(columns, len(start) + _MIN_TEXT_WIDTH)
    return textwrap.fill(text, width, initial_indent=start, subsequent_indent=" " * len(start))


def _print_recipe(found: Resolved, *, as_json: bool) -> None:
    """Print every key of a recipe with its value, and the line or default that it comes from."""
    rows = [_value(found, key) for key in keys()]
    if as_json:
        table = {"recipe": found.document.file, "keys": [asdict(row) for row in rows]}
        print(json.dumps(table, indent=2, ensure_ascii=False))
        return
    name_width = max(len(row.key) for row in rows)
    value_width = min(_MAX_VALUE_WIDTH, max(len(shown_value(row.value)) for row in rows))
    section = ""
    for row in rows:
        if row.key.rpartition(".")[0] != section:
            section = row.key.rpartition(".")[0]
            print()
        words = [
            f"{row.key:{name_width}}",
            f"{shown_value(row.value):{value_width}}",
            _describe_origin(row),
        ]
        print("  ".join(words))


def _value(found: Resolved, key: Key) -> Value:
    value = found.values[key.section][key.name] if key.section else found.values[key.name]
    origin = found.origins.get(key.path)
    if origin is None:
        return Value(key.dotted, value, None, None, inherited=False)
    inherited = origin is not found.document
    return Value(key.dotted, value, origin.file, origin.keys[key.path].line, inherited=inherited)


def _describe_origin(row: Value) -> str:
    if row.file is None:
        return "default"
    return f"{'inherited from ' if row.inherited else ''}{row.file}:{row.line}"


def _row(file: Path, active: str | None) -> Row:
    path = file.as_posix()
    try:
        recipe = recipe_of(read_document(file))
    except RecipeError as error:
        faults = len(error.faults) if isinstance(error, RecipeFaultsError) else 1
        text = f"(unusable: `yue validate {quoted(path)}` says why)"
        return Row(file.stem, text, path, path == active, faults)
    return Row(recipe.name, recipe.description, path, path == active, 0)


def _active_recipe_file() -> str | None:
    """Return the recipe that params.yaml names."""
    try:
        named = origin(read_document(Path("params.yaml")).text)
    except RecipeError:
        return None
    return named[0] if named else None


USE_EXAMPLE = "yue use recipes/demo.yaml"


def _add_use_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe",
        help="a recipe file, or the name of one in recipes/; params.yaml gets the keys it lacks",
    )
    parser.add_argument(
        "--force", action="store_true", help="overwrite a params.yaml that was edited"
    )


def run_use(args: argparse.Namespace) -> None:
    """Check the recipe and write params.yaml in the current folder."""
    root = Path.cwd()
    file = recipe_file(args.recipe)
    if file.absolute() == root / ACTIVE:
        complete_params(file)
        return
    recipe = activate(file, root, force=args.force)
    print(f"use: {shown_path(file)} is the active recipe (params.yaml)")
    print("  next: dvc repro", flush=True)
    notes = [*upkeep_notes(resolve(read_document(file))), *recipe_notes(recipe, root)]
    for note in notes:
        print(note, file=sys.stderr)


def complete_params(params: Path) -> None:
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
    """Return the file that ``name`` is, or that it names in recipes/, even beside such a folder."""
    file, named = Path(name), Path("recipes") / f"{name}.yaml"
    if not file.exists() and not Path("recipes").is_dir():
        raise UsageError(f"{name}: no such file, and no recipes/ here", fix=NO_PROJECT)
    bare = file.name == name and not file.suffix and not file.exists()
    return named if bare or (not file.is_file() and named.is_file()) else file


VERBS = {
    "recipes": Verb(RECIPES_EXAMPLE, _add_recipes_arguments, run_recipes),
    "use": Verb(USE_EXAMPLE, _add_use_arguments, run_use),
}

"""``yue recipes``: the recipes of this project, or one in full."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.commands.project import NO_PROJECT
from yue.commands.use import recipe_file
from yue.errors import RecipeError, UsageError
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.read import checked, recipe_of
from yue.recipe.resolve import Resolved
from yue.recipe.schema import Key, keys
from yue.recipe.writing import origin
from yue.recipe.yaml_positions import read_document, shown_value
from yue.wording import quoted

EXAMPLE = "yue recipes yue-s1-24gb"
_WIDEST = 48  # characters of a value before the place moves to the right


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which recipe, and the form of the answer."""
    parser.add_argument(
        "recipe",
        nargs="?",
        help="a recipe file, or the name of one in recipes/: all its values, and where each comes "
        "from (default: a list of the recipes)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> None:
    """Print a table of recipes/*.yaml, the active one starred; or one recipe in full."""
    if args.recipe is not None:
        _print_whole(checked(read_document(recipe_file(args.recipe))), as_json=args.json)
        return
    files = sorted(Path("recipes").glob("*.yaml"))
    if not files:
        raise UsageError(f"no recipes/*.yaml in {Path.cwd()}", fix=NO_PROJECT)
    active = _active()
    rows = [_row(file, active) for file in files]
    if args.json:
        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    width = max(len(row.name) for row in rows)
    path_width = max(len(row.path) for row in rows)
    for row in rows:
        star = "*" if row.active else " "
        print(f"{star} {row.name:{width}}  {row.path:{path_width}}  {row.description}")
    print("make one active: yue use RECIPE (* is active now); one in full: yue recipes RECIPE")


def _print_whole(found: Resolved, *, as_json: bool) -> None:
    """Every key of a recipe with its value, and the line or default that it comes from."""
    rows = [_value(found, key) for key in keys()]
    if as_json:
        table = {"recipe": found.document.file, "keys": [asdict(row) for row in rows]}
        print(json.dumps(table, indent=2, ensure_ascii=False))
        return
    name_width = max(len(row.key) for row in rows)
    value_width = min(_WIDEST, max(len(shown_value(row.value)) for row in rows))
    section = ""
    for row in rows:
        if row.key.rpartition(".")[0] != section:
            section = row.key.rpartition(".")[0]
            print()
        words = [f"{row.key:{name_width}}", f"{shown_value(row.value):{value_width}}", _place(row)]
        print("  ".join(words))


def _value(found: Resolved, key: Key) -> Value:
    value = found.values[key.section][key.name] if key.section else found.values[key.name]
    origin = found.origins.get(key.path)
    if origin is None:
        return Value(key.dotted, value, None, None, inherited=False)
    inherited = origin is not found.document
    return Value(key.dotted, value, origin.file, origin.keys[key.path].line, inherited=inherited)


def _place(row: Value) -> str:
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


def _active() -> str | None:
    """The recipe that params.yaml names."""
    try:
        named = origin(read_document(Path("params.yaml")).text)
    except RecipeError:
        return None
    return named[0] if named else None

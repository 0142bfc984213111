"""``yue recipes``: the recipes of this project."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from yue.commands.project import NO_PROJECT
from yue.errors import RecipeError, UsageError
from yue.recipe.document import read_document
from yue.recipe.faults import RecipeFaultsError
from yue.recipe.read import recipe_of
from yue.recipe.write import origin
from yue.wording import quoted

EXAMPLE = "yue recipes"


@dataclass(frozen=True)
class Row:
    """A recipe as it is listed; ``faults`` counts what makes it unusable."""

    name: str
    description: str
    path: str
    active: bool
    faults: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form of the answer."""
    parser.add_argument("--json", action="store_true", help="as a JSON list")


def run(args: argparse.Namespace) -> None:
    """Print a table of recipes/*.yaml, the active one starred."""
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
    print("make one active: yue use RECIPE (* is active now)")


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

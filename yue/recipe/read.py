"""A recipe file to a typed recipe, or every fault of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yue.recipe.build import build_recipe
from yue.recipe.document import Document, KeyPath, read_document
from yue.recipe.faults import Fault, Place, RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem, schema_problems
from yue.recipe.rules import rule_problems
from yue.recipe.schema import defaults


def read_recipe(path: Path) -> Recipe:
    """Read a complete recipe.

    Raises:
        RecipeError: The file cannot be read.
        RecipeFaultsError: It has faults; all of them are in the message, each with its place.
    """
    return recipe_of(read_document(path))


def recipe_of(document: Document) -> Recipe:
    """The typed recipe of a parsed file.

    Raises:
        RecipeFaultsError: It has faults.
    """
    faults = [*document.faults, *(fault_of(document, p) for p in problems(document.values))]
    if faults:
        raise RecipeFaultsError(document.file, document.lines, faults)
    return build_recipe(document.values)


def default_recipe() -> Recipe:
    """The schema's defaults alone."""
    return build_recipe(defaults())


def problems(values: Mapping[str, Any]) -> list[Problem]:
    """Everything the schema and the rules have against plain values."""
    found = schema_problems(values)
    return found + rule_problems(values, {problem.path for problem in found})


def fault_of(document: Document, problem: Problem) -> Fault:
    """A problem at its place in the file."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path)
    source = "" if problem.at_key else document.sources.get(problem.path, "")
    return Fault(
        _place(document, problem),
        key.lstrip("."),
        source,
        problem.rule,
        problem.fix,
        problem.others,
    )


def _place(document: Document, problem: Problem) -> Place:
    """The problem's own place, or its section's when it is about something missing."""
    if not problem.at_key and problem.path in document.places:
        return document.places[problem.path]
    path: KeyPath = problem.path
    while path:
        if path in document.keys:
            return document.keys[path]
        path = path[:-1]
    return Place(1, 1)

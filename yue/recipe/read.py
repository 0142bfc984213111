"""A recipe file to a typed recipe, or every fault of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yue.recipe.build import build_recipe
from yue.recipe.document import Document, KeyPath, read_document, shown_value
from yue.recipe.faults import Fault, Place, RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem, schema_problems
from yue.recipe.resolve import Resolved, resolve
from yue.recipe.rules import rule_problems
from yue.recipe.schema import defaults, keys_by_path


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; what it leaves out is what it extends, or the schema's defaults.

    Raises:
        RecipeError: The file, or one that it extends, cannot be read.
        RecipeFaultsError: It has faults; all of them are in the message, each with its place.
    """
    return recipe_of(read_document(path))


def recipe_of(document: Document) -> Recipe:
    """The typed recipe of a parsed file.

    Raises:
        RecipeFaultsError: It has faults.
    """
    return build_recipe(checked(document).values)


def checked(document: Document) -> Resolved:
    """The complete recipe of a parsed file.

    Raises:
        RecipeError: A recipe that it extends cannot be read.
        RecipeFaultsError: It has faults.
    """
    found = resolve(document)
    # Where a recipe that is extended is not known, neither are the values that rules would join.
    wrong = schema_problems(found.values) if found.faults else problems(found.values)
    faults = [*found.faults, *(_fault(found, problem) for problem in wrong)]
    if faults:
        raise RecipeFaultsError(document.file, document.lines, faults)
    return found


def default_recipe() -> Recipe:
    """The schema's defaults alone."""
    return build_recipe(defaults())


def problems(values: Mapping[str, Any]) -> list[Problem]:
    """Everything the schema and the rules have against complete plain values."""
    found = schema_problems(values)
    return found + rule_problems(values, {problem.path for problem in found})


def fault_of(document: Document, problem: Problem) -> Fault:
    """A problem at its place in the file; one of a default is told at a key that could mend it."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path)
    source = document.sources.get(problem.path, "")
    default = keys_by_path().get(tuple(str(part) for part in problem.path))
    if default is not None and not document.says(default.path, empty=default.may_be_empty):
        source = f"{shown_value(default.default)} (the default)"
    return Fault(
        _place(document, problem),
        key.lstrip("."),
        "" if problem.at_key else source,
        problem.rule,
        problem.fix,
        problem.others,
    )


def _fault(found: Resolved, problem: Problem) -> Fault:
    """A problem at its place in the file that its value was written in."""
    origins = (found.origin(path) for path in _paths(problem))
    document = next((each for each in origins if each is not None), found.document)
    return found.placed(fault_of(document, problem), document)


def _paths(problem: Problem) -> Iterator[KeyPath]:
    yield problem.path
    yield from (tuple(name.split(".")) for name in problem.others)


def _place(document: Document, problem: Problem) -> Place:
    """The problem's own place, else that of another key that could mend it, else the section's."""
    for path in _paths(problem):
        if not problem.at_key and path in document.places:
            return document.places[path]
        if path in document.keys:
            return document.keys[path]
    path = problem.path
    while path:
        if path in document.keys:
            return document.keys[path]
        path = path[:-1]
    return Place(1, 1)

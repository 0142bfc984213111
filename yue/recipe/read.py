"""Read a recipe file to a typed recipe, or to every fault of it at once.

:func:`checked` completes a file and checks it; :func:`build_recipe` types the values that passed.
A recipe's digest is of its values alone, valid or not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yue.files import value_digest
from yue.recipe import model
from yue.recipe.fault_text import Fault, Place, RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem, schema_problems
from yue.recipe.resolve import Resolved, resolve
from yue.recipe.rules import rule_problems
from yue.recipe.schema import Key, defaults, keys_by_path, keys_of, sections
from yue.recipe.yaml_positions import Document, KeyPath, read_document, shown_value

_CLASSES = {field.name: field.type for field in dataclasses.fields(model.Recipe)}


def build_recipe(values: Mapping[str, Any]) -> model.Recipe:
    """Type the values of a recipe that has no problems.

    What the schema has and these classes do not, no code reads yet: it is checked and left out.
    """
    top = {key.name: typed(key, values[key.name]) for key in keys_of("") if key.name in _CLASSES}
    inner = {name: _section(name, values[name]) for name in sections() if name in _CLASSES}
    return model.Recipe(**top, **inner)


def typed(key: Key, value: Any) -> Any:
    """Return a valid value in its key's type: JSON Schema takes 8.0 as an integer."""
    if isinstance(value, list | tuple):
        return tuple(typed(key, item) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if "integer" in key.types else float(value)
    return value


def values_digest(values: Mapping[str, Any]) -> str:
    """Return the hexadecimal SHA-256 of complete plain values, whatever their number formats.

    Defaults are no part of it: a key that a later version adds leaves every recipe as it was.
    """
    return value_digest(_canonical(without_defaults(values)))


def has_digest(digest: str, values: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Return whether a digest that a file states is that of its values.

    Args:
        digest: Of this version, or of an earlier one, which took all values that were written.
        values: Complete plain values.
        written: What the file has of them.
    """
    return digest in (values_digest(values), value_digest(_canonical(written)))


def without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values without the schema's defaults, and without empty sections."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = {key: leaf for key, leaf in value.items() if not _is_default((name, key), leaf)}
            kept |= {name: inner} if inner else {}
        elif not _is_default((name,), value):
            kept[name] = value
    return kept


def same_value(first: Any, second: Any) -> bool:
    """Return whether two plain values are one to a recipe (8 and 8.0 are, 1 and true are not)."""
    return value_digest(_canonical(first)) == value_digest(_canonical(second))


def _is_default(path: tuple[str, ...], value: Any) -> bool:
    key = keys_by_path().get(path)
    return key is not None and same_value(value, key.default)


def _section(name: str, values: Mapping[str, Any]) -> Any:
    kind: type[Any] = getattr(model, str(_CLASSES[name]))
    fields = {field.name for field in dataclasses.fields(kind)}
    keys = (key for key in keys_of(name) if key.name in fields)
    return kind(**{key.name: typed(key, values[key.name]) for key in keys})


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | None) else repr(value)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; what it leaves out is what it extends, or the schema's defaults.

    Raises:
        RecipeError: The file, or one that it extends, cannot be read.
        RecipeFaultsError: It has faults; all of them are in the message, each with its place.
    """
    return recipe_of(read_document(path))


def recipe_of(document: Document) -> Recipe:
    """Return the typed recipe of a parsed file.

    Raises:
        RecipeFaultsError: It has faults.
    """
    return build_recipe(checked(document).values)


def checked(document: Document) -> Resolved:
    """Return the complete recipe of a parsed file.

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
    """Return the schema's defaults alone."""
    return build_recipe(defaults())


def problems(values: Mapping[str, Any]) -> list[Problem]:
    """Return everything the schema and the rules have against complete plain values."""
    found = schema_problems(values)
    return found + rule_problems(values, {problem.path for problem in found})


def fault_of(document: Document, problem: Problem) -> Fault:
    """Return a problem as a fault at its place in the file; a default's, where it can be fixed."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path)
    source = document.sources.get(problem.path, "")
    default = keys_by_path().get(tuple(str(part) for part in problem.path))
    if default is not None and not document.says(default.path, empty=default.may_be_empty):
        source = f"{shown_value(default.default)} (the default)"
    return Fault(
        _find_place(document, problem),
        key.lstrip("."),
        "" if problem.at_key else source,
        problem.rule,
        problem.fix,
        problem.others,
    )


def _fault(found: Resolved, problem: Problem) -> Fault:
    """Return a problem at its place in the file that its value was written in."""
    origins = (found.origin(path) for path in _paths(problem))
    document = next((each for each in origins if each is not None), found.document)
    return found.placed(fault_of(document, problem), document)


def _paths(problem: Problem) -> Iterator[KeyPath]:
    yield problem.path
    yield from (tuple(name.split(".")) for name in problem.others)


def _find_place(document: Document, problem: Problem) -> Place:
    """Return the problem's own place, else that of a key that can fix it, else the section's."""
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

"""How the active recipe differs from the recipe it was written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.errors import RecipeError
from yue.recipe.build import has_digest, same_value
from yue.recipe.document import Document, read_document, shown_value, walk
from yue.recipe.resolve import resolve
from yue.recipe.write import origin


@dataclass(frozen=True)
class Difference:
    """One key whose value is not the other file's; None is a key that is not there."""

    key: str
    ours: str | None
    theirs: str | None


@dataclass(frozen=True)
class Drift:
    """What happened to params.yaml, or to its recipe, since ``yue use`` wrote it.

    Attributes:
        recipe: The recipe that the header names, or None without a header.
        edited: params.yaml has other values than it was written with.
        moved: The recipe has other values than then, or is gone.
        differences: Keys in which params.yaml differs from the recipe as it is now.
    """

    recipe: str | None
    edited: bool
    moved: bool
    differences: tuple[Difference, ...]


def drift_of(params: Document, root: Path) -> Drift:
    """Compare params.yaml with its header's digest, and with the recipe file it names."""
    named = origin(params.text)
    if named is None:
        return Drift(recipe=None, edited=True, moved=False, differences=())
    file, digest = named
    values = resolve(params).values
    edited = not has_digest(digest, values, params.values)
    try:
        recipe = read_document(root / file)
        theirs = resolve(recipe).values
    except RecipeError:
        return Drift(file, edited, moved=True, differences=())
    moved = not has_digest(digest, theirs, recipe.values)
    return Drift(file, edited, moved, differences(values, theirs))


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Keys with different values, in the order of ``ours``, then of ``theirs``."""
    first, second = dict(walk(ours)), dict(walk(theirs))
    return tuple(
        Difference(key, _shown(first, key), _shown(second, key))
        for key in first | second
        if key not in first or key not in second or not same_value(first[key], second[key])
    )


def _shown(values: Mapping[str, Any], key: str) -> str | None:
    return shown_value(values[key]) if key in values else None

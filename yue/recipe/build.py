"""Valid plain values to a typed recipe; and the digest of plain values, valid or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from yue.files import value_digest
from yue.recipe import model
from yue.recipe.schema import Key, keys_of, sections

_CLASSES = {field.name: field.type for field in dataclasses.fields(model.Recipe)}


def build_recipe(values: Mapping[str, Any]) -> model.Recipe:
    """Type the values of a recipe that has no problems."""
    top = {key.name: typed(key, values[key.name]) for key in keys_of("")}
    return model.Recipe(**top, **{name: _section(name, values[name]) for name in sections()})


def typed(key: Key, value: Any) -> Any:
    """A valid value in its key's own type: JSON Schema counts 8.0 as an integer, 8 as a number."""
    if isinstance(value, list | tuple):
        return tuple(typed(key, item) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if "integer" in key.types else float(value)
    return value


def section_class(name: str) -> type[Any]:
    """The dataclass of a section."""
    found: type[Any] = getattr(model, str(_CLASSES[name]))
    return found


def values_digest(values: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a recipe's plain values, whatever its comments and number formats."""
    return value_digest(_canonical(values))


def same_value(first: Any, second: Any) -> bool:
    """Whether two plain values are one to a recipe (8 and 8.0 are, 1 and true are not)."""
    return values_digest({"": first}) == values_digest({"": second})


def _section(name: str, values: Mapping[str, Any]) -> Any:
    return section_class(name)(**{key.name: typed(key, values[key.name]) for key in keys_of(name)})


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | None) else repr(value)

"""Valid plain values to a typed recipe; and the digest of plain values, valid or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from yue.files import value_digest
from yue.recipe import model
from yue.recipe.schema import Key, keys_by_path, keys_of, sections

_CLASSES = {field.name: field.type for field in dataclasses.fields(model.Recipe)}


def build_recipe(values: Mapping[str, Any]) -> model.Recipe:
    """Type the values of a recipe that has no problems.

    What the schema has and these classes do not, no code reads yet: it is checked and left out.
    """
    top = {key.name: typed(key, values[key.name]) for key in keys_of("") if key.name in _CLASSES}
    inner = {name: _section(name, values[name]) for name in sections() if name in _CLASSES}
    return model.Recipe(**top, **inner)


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
    """Hexadecimal SHA-256 of complete plain values, whatever their comments and number formats.

    Defaults are no part of it: a key that a later version adds leaves every recipe as it was.
    """
    return value_digest(_canonical(without_defaults(values)))


def has_digest(digest: str, values: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether a digest that a file states is that of its values.

    Args:
        digest: Of this version, or of an earlier one, which took all values that were written.
        values: Complete plain values.
        written: What the file has of them.
    """
    return digest in (values_digest(values), value_digest(_canonical(written)))


def without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values without those that are the schema's defaults, and without empty sections."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = {key: leaf for key, leaf in value.items() if not _is_default((name, key), leaf)}
            kept |= {name: inner} if inner else {}
        elif not _is_default((name,), value):
            kept[name] = value
    return kept


def same_value(first: Any, second: Any) -> bool:
    """Whether two plain values are one to a recipe (8 and 8.0 are, 1 and true are not)."""
    return value_digest(_canonical(first)) == value_digest(_canonical(second))


def _is_default(path: tuple[str, ...], value: Any) -> bool:
    key = keys_by_path().get(path)
    return key is not None and same_value(value, key.default)


def _section(name: str, values: Mapping[str, Any]) -> Any:
    kind = section_class(name)
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

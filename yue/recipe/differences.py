"""How two recipes differ: in what decides a training, and from the file one was written from.

A key that decides nothing may change at any time: a run goes on from its checkpoint, and an adapter
stays that of the active recipe. Sections that say only how to run (``launch``, ``runtime``,
``logging``) are no part of this at all: they change at most the order in which floats are added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.errors import RecipeError
from yue.recipe.model import Recipe
from yue.recipe.read import has_digest, same_value
from yue.recipe.resolve import resolve
from yue.recipe.schema import defaults
from yue.recipe.writing import origin
from yue.recipe.yaml_positions import Document, read_document, shown_value, walk

SECTIONS = ("mix", "model", "lora", "train")
"""The sections that training reads."""

Sections = dict[str, dict[str, Any]]

_WITHOUT_EFFECT = {
    "mix.folder",  # a place; what lies in it has a digest of its own
    "model.path",  # a place too
    "train.logging_steps",  # the curves' points
    "train.save_steps",
    "train.gradient_checkpointing",  # computes the same again: the same bits, tests say
}


def sections_of(recipe: Recipe) -> Sections:
    """Return the sections that training reads, as JSON values, without paths of this machine."""
    values = {name: asdict(getattr(recipe, name)) for name in SECTIONS}
    sections: Sections = json.loads(json.dumps(values))
    del sections["mix"]["folder"]
    return sections


def deciding_values(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values that decide the adapter, by ``section.key``.

    Args:
        sections: As :func:`sections_of` gives them, or an older version of ``yue`` wrote
            them; a key that was not there yet has the default that did not change anything.
    """
    values, plain = {}, defaults()
    for section in SECTIONS:
        for key, default in plain[section].items():
            values[f"{section}.{key}"] = sections.get(section, {}).get(key, default)
    unread = set(_WITHOUT_EFFECT)
    if values["train.max_steps"] is not None:
        unread.add("train.epochs")
    if values["mix.by"] != "temperature":
        unread.add("mix.temperature")
    if values["train.keep"] == "last" and values["train.patience"] is None:
        unread.add("train.eval_steps")  # a validation draws nothing and decides nothing
    return {name: value for name, value in values.items() if name not in unread}


def key_differences(
    there: Mapping[str, Mapping[str, Any]], here: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return deciding keys that differ, by name, each in words: ``train.lr 0.01, here 0.02``."""
    theirs, ours = deciding_values(there), deciding_values(here)
    differences = {}
    for name in sorted(theirs | ours):
        section, _, key = name.partition(".")
        default = defaults()[section][key]
        old, new = (sections[section].get(key, default) for sections in (there, here))
        if not same_value(old, new):
            differences[name] = f"{name} {_value_json(old)}, here {_value_json(new)}"
    return differences


def _value_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
    """Return keys with different values, in the order of ``ours``, then of ``theirs``."""
    first, second = dict(walk(ours)), dict(walk(theirs))
    return tuple(
        Difference(key, _value_text(first, key), _value_text(second, key))
        for key in first | second
        if key not in first or key not in second or not same_value(first[key], second[key])
    )


def _value_text(values: Mapping[str, Any], key: str) -> str | None:
    return shown_value(values[key]) if key in values else None

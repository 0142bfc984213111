"""Which keys of a recipe decide what its training gives, and which two recipes differ in.

A key that decides nothing may change at any time: a run goes on from its checkpoint, and an adapter
stays that of the active recipe. Sections that say only how to run (``launch``, ``runtime``,
``logging``) are no part of this at all: they change at most the order in which floats are added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from yue.recipe.build import same_value
from yue.recipe.model import Lora, Mix, Model, Recipe, Train
from yue.recipe.schema import defaults

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


def training_sections(mix: Mix, model: Model, lora: Lora, train: Train) -> Sections:
    """The sections that training reads, as JSON values, without this machine's own places."""
    values = {
        "mix": asdict(mix),
        "model": asdict(model),
        "lora": asdict(lora),
        "train": asdict(train),
    }
    sections: Sections = json.loads(json.dumps(values))
    del sections["mix"]["folder"]
    return sections


def sections_of(recipe: Recipe) -> Sections:
    """The same of a whole recipe."""
    return training_sections(recipe.mix, recipe.model, recipe.lora, recipe.train)


def deciding_values(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values that decide the adapter, by ``section.key``.

    Args:
        sections: As :func:`training_sections` gives them, or an older version of ``yue`` wrote
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
    """Deciding keys whose values differ, by name, each in words: ``train.lr 0.01, here 0.02``.

    Args:
        there: Sections of another run.
        here: Sections of this one.
    """
    theirs, ours = deciding_values(there), deciding_values(here)
    differences = {}
    for name in sorted(theirs | ours):
        section, _, key = name.partition(".")
        default = defaults()[section][key]
        old, new = (sections[section].get(key, default) for sections in (there, here))
        if not same_value(old, new):
            differences[name] = f"{name} {_shown(old)}, here {_shown(new)}"
    return differences


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

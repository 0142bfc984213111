"""A recipe with nothing left out: its own values, those of recipes it extends, the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.recipe.fault_text import Fault, Source, shown_path
from yue.recipe.problems import stray_keys
from yue.recipe.renames import Change, renewed
from yue.recipe.schema import EXTENDS, defaults, keys, keys_by_path, sections
from yue.recipe.yaml_positions import Document, KeyPath, read_document
from yue.wording import did_you_mean

ACTIVE = "params.yaml"
"""The file that DVC reads, which must hold every value itself."""

_OWN = ("name", "description")  # what a recipe is called says nothing about one that extends it


@dataclass(frozen=True)
class Resolved:
    """A recipe with the place that each value comes from.

    Attributes:
        document: The file, in the names of this version.
        values: Complete plain values, right or wrong.
        origins: The file that each value is written in, by key; any other has the default.
        faults: What is wrong with the files, apart from the values.
        changes: What the files say in the words of an earlier version.
    """

    document: Document
    values: Mapping[str, Any]
    origins: Mapping[KeyPath, Document]
    faults: tuple[Fault, ...]
    changes: tuple[Change, ...]

    def origin(self, path: KeyPath) -> Document | None:
        """Return the file that a key, section or list item is written in; None for a default."""
        return self.origins.get(path[:2]) or self.origins.get(path[:1])

    def placed(self, fault: Fault, document: Document) -> Fault:
        """Return a fault of one of the files as this recipe's, with the file that it is in."""
        if document is self.document or fault.source is not None:
            return fault
        return dataclasses.replace(fault, source=Source(document.file, document.lines))


def resolve(document: Document) -> Resolved:
    """Complete a parsed file.

    Raises:
        RecipeError: A recipe that it extends cannot be read.
        RecipeFaultsError: A recipe that it extends is not YAML.
    """
    first, changes = renewed(document)
    chain, faults = [first], [*first.faults]
    found = Resolved(first, {}, {}, (), ())
    while True:
        parent = _parent(chain)
        if parent is None:
            break
        if isinstance(parent, Fault):
            faults.append(found.placed(parent, chain[-1]))
            break
        parent, more = renewed(parent)
        chain.append(parent)
        changes += more
        faults += [found.placed(fault, parent) for fault in parent.faults]
    layers = []
    for each in chain:
        strays, lost = stray_keys(each)
        layer = {
            name: dict(inner) if isinstance(inner, Mapping) else inner
            for name, inner in each.values.items()
        }
        for section, name in strays:
            del layer[section][name]
        layers.append(layer)
        faults += [found.placed(fault, each) for fault in lost]
    values, numbers = _merged(layers)
    origins = {path: chain[number] for path, number in numbers.items()}
    return Resolved(first, values, origins, tuple(faults), changes)


def left_out(document: Document) -> list[str]:
    """Return dotted names of the keys for which a file has no value."""
    return [key.dotted for key in keys() if not document.says(key.path, empty=key.may_be_empty)]


def _parent(chain: Sequence[Document]) -> Document | Fault | None:
    """Return what the last of these recipes extends; a fault where it cannot be."""
    document = chain[-1]
    if EXTENDS not in document.values:
        return None
    name, key = document.values[EXTENDS], document.keys[EXTENDS,]
    place = document.places.get((EXTENDS,), key)
    file = Path(document.file)
    if file.name == ACTIVE:
        rule = f"{ACTIVE} extends no recipe: DVC reads every value from it"
        fix = "remove the line, or write it into a recipe and make that active: yue use NAME"
        return Fault(key, EXTENDS, "", rule, fix)
    written = document.sources.get((EXTENDS,), "")
    if not isinstance(name, str):
        rule = "must be the name of one recipe in this folder"
        return Fault(place, EXTENDS, written, rule, "for example extends: demo")
    others = sorted(other.stem for other in file.parent.glob("*.yaml") if other.name != file.name)
    parent = file.parent / f"{name}.yaml"
    if name not in others:
        if name == file.stem:
            return Fault(place, EXTENDS, written, "a recipe cannot extend itself", "remove it")
        there = f"there are {', '.join(others)}" if others else "no other recipe is in this folder"
        fix = did_you_mean(Path(name).stem, others) or there
        return Fault(place, EXTENDS, written, f"there is no recipe {shown_path(parent)}", fix)
    names = [Path(each.file).stem for each in chain]
    if name in names:
        circle = ", ".join([*names, name])
        rule = f"these recipes extend one another in a circle: {circle}"
        return Fault(place, EXTENDS, written, rule, "remove one of these lines")
    return read_document(parent)


def _merged(layers: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Complete values, the first layer's first; and of each that is written, its layer's number."""
    values = defaults()
    numbers: dict[KeyPath, int] = {}
    for number, layer in reversed(list(enumerate(layers))):
        for name, value in layer.items():
            if name == EXTENDS or (number > 0 and name in _OWN):
                continue
            if name in sections() and isinstance(value, Mapping):
                if not isinstance(values[name], dict):
                    values[name] = defaults()[name]
                    del numbers[name,]
                for inner, leaf in value.items():
                    if not _is_left_out((name, inner), leaf):
                        values[name][inner] = leaf
                        numbers[name, inner] = number
            elif not _is_left_out((name,), value):
                values[name] = value
                numbers[name,] = number
    return values, numbers


def _is_left_out(path: tuple[str, ...], value: Any) -> bool:
    """Return whether nothing is written where nothing is no value."""
    if value is not None:
        return False
    key = keys_by_path().get(path)
    return path[0] in sections() and len(path) == 1 if key is None else not key.may_be_empty

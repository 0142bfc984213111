"""What the schema has against the values of a recipe, wherever they came from.

Nothing is missing here: what a file leaves out has been completed by the schema's defaults. Keys
that stand in a wrong section because the line of their own was lost are found in the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from yue.recipe.fault_text import Fault
from yue.recipe.schema import EXTENDS, Key, keys, keys_by_path, keys_of, schema, sections
from yue.recipe.yaml_positions import Document, KeyPath, Unusable
from yue.wording import did_you_mean, nearest

# Fewer keys of a section in another are more likely misplaced, and the nearest name says so.
_MIN_STRAYS = 2
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NOT_TEXT = re.compile(r"\$\{|^\?\?\?$")
# What YAML 1.1 takes for booleans, and people still write; YAML 1.2 takes them for text.
_YES_NO = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True)
class Problem:
    """One broken rule.

    Attributes:
        path: The key (or list item) it is about.
        at_key: It is about the key, not its value.
        rule: What is wrong or allowed.
        fix: What to do, or "".
        others: Dotted names of other keys that could fix it.
    """

    path: KeyPath
    rule: str
    fix: str = ""
    at_key: bool = False
    others: tuple[str, ...] = ()


def schema_problems(values: Mapping[str, Any]) -> list[Problem]:
    """Return every problem of the values' shape, types and ranges; at most one for a path."""
    found: dict[KeyPath, Problem] = {}
    for error in _validator().iter_errors(values):
        for problem in _problems(error):
            found.setdefault(problem.path, problem)
    for path, value in _texts(values, ()):
        if any(not character.isprintable() for character in value):
            rule = "must be one line without control characters"
            found.setdefault(path, Problem(path, rule))
        # `dvc exp run -S` reads params.yaml by OmegaConf, to which these are not text.
        elif special := _NOT_TEXT.search(value):
            rule = f"has {special[0]}, which DVC's experiments do not take as text"
            found.setdefault(path, Problem(path, rule, "take another name, or a link by another"))
    return list(found.values())


def value_problem(key: Key, value: Any) -> Problem | None:
    """Return what one key has against a value."""
    if Draft7Validator(key.rule).is_valid(value):
        return None
    return Problem(key.path, f"must be {key.allowed}", _fix(key, value, key.path))


def stray_keys(document: Document) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Return where keys stand of a section which the file does not have, a fault for each such."""
    strays, faults = [], []
    for section, inner in document.values.items():
        if not isinstance(inner, Mapping) or section not in sections():
            continue
        known = {key.name for key in keys_of(section)}
        unknown = [name for name in inner if name not in known]
        for lost in sections():
            names = {key.name for key in keys_of(lost)}
            found = [name for name in unknown if name in names]
            if lost in document.values or len(found) < min(_MIN_STRAYS, len(names)):
                continue
            strays += [(section, name) for name in found]
            unknown = [name for name in unknown if name not in names]
            rule = f"{', '.join(found)} belong to {lost}: its line is missing"
            place = document.keys[section, found[0]]
            fix = f"write the line `{lost}:` above this one"
            faults.append(Fault(place, f"{section}.{found[0]}", "", rule, fix))
    return strays, faults


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(schema())


def _problems(error: ValidationError) -> Iterator[Problem]:
    path: KeyPath = tuple(error.absolute_path)
    instance: Any = error.instance
    section = str(path[0]) if path else ""
    if error.validator == "additionalProperties":
        yield from (_unknown_key(section, name) for name in instance if name not in _names(section))
    elif key := _key_of(path):
        allowed = key.allowed_item if len(path) > len(key.path) else key.allowed
        yield Problem(path, f"must be {allowed}", _fix(key, instance, path))
    else:
        rule = f"must be a section with the keys {', '.join(_names(section))}"
        yield Problem(path, rule, instance.fix if isinstance(instance, Unusable) else "")


def _key_of(path: KeyPath) -> Key | None:
    """Return the key that a path is, or is an item of."""
    names = tuple(str(part) for part in path)
    return keys_by_path().get(names) or keys_by_path().get(names[:-1])


def _fix(key: Key, value: Any, path: KeyPath) -> str:
    if isinstance(value, Unusable):
        return value.fix
    if len(path) > len(key.path):
        return did_you_mean(str(value), key.rule["items"].get("enum", ()))
    if isinstance(value, str):
        if "boolean" in key.types and value.lower() in _YES_NO:
            return f"write {_YES_NO[value.lower()]}: in YAML 1.2 '{value}' is text"
        if {"integer", "number"} & set(key.types) and _NUMBER.fullmatch(value):
            return "remove the quotes"
        if key.types == ("array",):
            return f"write a list: [{value}]"
        return did_you_mean(value, key.rule.get("enum", ()))
    if key.types == ("string",) and "enum" not in key.rule and isinstance(value, int | float):
        return "put it in quotes"
    return ""


def _unknown_key(section: str, name: str) -> Problem:
    found = suggest(section, name)
    rule = f"unknown key; did you mean '{found}'?" if found else "unknown key"
    fix = "" if found else f"{section or 'the top level'} takes {', '.join(_names(section))}"
    return Problem((section, name) if section else (name,), rule, fix, at_key=True)


def _names(section: str) -> list[str]:
    """Return what a section, or the top level (""), may hold."""
    return [key.name for key in keys_of(section)] + ([] if section else [*sections(), EXTENDS])


def suggest(section: str, name: str) -> str | None:
    """Return the key that ``name`` was probably meant to be; ``section.key`` when it is elsewhere.

    A name that another program uses here counts most, then the same name elsewhere, then a similar
    spelling here.
    """
    here, word = keys_of(section), name.lower().replace("-", "_")
    for key in here:
        if word == key.name or word in key.aliases:
            return key.name
    for key in keys():
        if word == key.name:
            return key.dotted
    if found := nearest(name, _names(section)):
        return found
    for key in keys():
        if word in key.aliases:
            return key.dotted
    elsewhere = {key.name: key.dotted for key in keys()}
    found = nearest(name, elsewhere)
    return elsewhere[found] if found else None


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, (*path, place))

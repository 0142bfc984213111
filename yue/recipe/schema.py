"""The recipe's JSON Schema as typed keys, and what each allows in words.

Beside JSON Schema's own keywords a key has ``x-comment`` (what params.yaml says beside it), and may
have ``x-allowed`` (the rule in words, where the keywords say it poorly), ``x-aliases`` (what other
programs call it), ``x-flags`` (its command-line options), ``x-const`` (the value of its option
given alone) and ``x-entry-points`` (a group of entry points by which installed packages add to its
choices).

What earlier versions of the schema had is kept too, so that their recipes stay valid: a key's
``x-renamed-from`` (dotted names that it had), its ``x-former-values`` (pairs of a value that it
took and what says the same now), and at the top ``x-removed`` (dotted names that are gone, and
what became of them).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

EXTENDS = "extends"
"""The one name at the top of a recipe file that is no key: which recipe it builds on."""

# A link to schemas/recipe.schema.json, so that an installed package carries it.
SCHEMA_FILE = Path(__file__).with_name("recipe.schema.json")


@dataclass(frozen=True)
class Key:
    """One key of a recipe.

    Attributes:
        section: Its section, or "" at the top level.
        name: Its name in the section.
        rule: Its JSON Schema.
    """

    section: str
    name: str
    rule: Mapping[str, Any]

    @property
    def path(self) -> tuple[str, ...]:
        """The names that lead to it."""
        return (self.section, self.name) if self.section else (self.name,)

    @property
    def dotted(self) -> str:
        """``section.name``."""
        return ".".join(self.path)

    @property
    def types(self) -> tuple[str, ...]:
        """JSON types that it takes."""
        kind = self.rule["type"]
        return (kind,) if isinstance(kind, str) else tuple(kind)

    @property
    def default(self) -> Any:
        """Its default, a JSON value."""
        return self.rule["default"]

    @property
    def description(self) -> str:
        """What it is for, with its unit."""
        return str(self.rule["description"])

    @property
    def comment(self) -> str:
        """What params.yaml says beside it; "" for what speaks for itself."""
        return str(self.rule.get("x-comment", ""))

    @property
    def may_be_empty(self) -> bool:
        """Whether nothing is one of its values, and not a value left out."""
        return "null" in self.types

    @property
    def aliases(self) -> tuple[str, ...]:
        """What other programs call it."""
        return tuple(self.rule.get("x-aliases", ()))

    @property
    def allowed(self) -> str:
        """What it takes, in words: "an integer from 1 to 1024"."""
        words = self.rule.get("x-allowed") or _allowed(self.rule, self.types)
        return f"{words}, or null" if self.may_be_empty else str(words)

    @property
    def allowed_item(self) -> str:
        """What each item of a list must be, in words."""
        item = self.rule["items"]
        return str(item.get("x-allowed") or _allowed(item, (item["type"],)))


def _allowed(rule: Mapping[str, Any], types: tuple[str, ...]) -> str:
    if "enum" in rule:
        choices = [str(choice) for choice in rule["enum"]]
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if "boolean" in types:
        return "true or false"
    noun = "an integer" if "integer" in types else "a number" if "number" in types else "text"
    return f"{noun} {_bounds(rule)}".rstrip()


def _bounds(rule: Mapping[str, Any]) -> str:
    low, high = rule.get("minimum"), rule.get("maximum")
    above, below = rule.get("exclusiveMinimum"), rule.get("exclusiveMaximum")
    if above is not None:
        return f"above {above}" + (f", at most {high}" if high is not None else "")
    if low is None:
        return ""
    ends = [f" to {high}"] * (high is not None) + [f" to below {below}"] * (below is not None)
    return f"from {low}{ends[0]}" if ends else f"of at least {low}"


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema itself, with the choices that installed packages add."""
    value: Mapping[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    for section in value["properties"].values():
        for rule in section.get("properties", {}).values():
            if "x-entry-points" in rule:
                added = {entry.name for entry in entry_points(group=rule["x-entry-points"])}
                rule["enum"] += sorted(added - set(rule["enum"]))
    return value


@cache
def sections() -> Mapping[str, str]:
    """Return sections and what they are for, in the order of a recipe."""
    rules = schema()["properties"].items()
    return {name: rule["description"] for name, rule in rules if rule["type"] == "object"}


@cache
def keys() -> tuple[Key, ...]:
    """Return every key, in the order of a recipe."""
    found = []
    for name, rule in schema()["properties"].items():
        if name == EXTENDS:
            continue
        if rule["type"] == "object":
            found += [Key(name, key, inner) for key, inner in rule["properties"].items()]
        else:
            found.append(Key("", name, rule))
    return tuple(found)


@cache
def keys_by_path() -> Mapping[tuple[str, ...], Key]:
    """Return every key by the names that lead to it."""
    return {key.path: key for key in keys()}


def keys_of(section: str) -> tuple[Key, ...]:
    """Return the keys of one section ("" is the top level)."""
    return tuple(key for key in keys() if key.section == section)


def defaults() -> dict[str, Any]:
    """Return a complete recipe of every key's default, as plain values."""
    values: dict[str, Any] = {}
    for key in keys():
        (values.setdefault(key.section, {}) if key.section else values)[key.name] = key.default
    return values

"""Recipe keys as command-line flags: the same names, defaults, help and rules as in a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from yue.errors import RecipeError
from yue.recipe.build import build_recipe
from yue.recipe.document import parse_scalar
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem
from yue.recipe.read import problems
from yue.recipe.schema import Key, defaults, keys_by_path, keys_of

# Sections whose keys are too short to stand alone.
_PREFIXED = ("lora",)


def add_flags(parser: argparse.ArgumentParser, *sections: str) -> None:
    """Add a flag for each key of these sections; a flag that is not given is None.

    A key whose own name the parser has already (the verb's own flag, or another section's) is
    called ``--section-key``.
    """
    for section in sections:
        group = parser.add_argument_group(f"recipe keys of {section}")
        for key in keys_of(section):
            _add_flag(group, key, _free(parser, key))


def recipe_from_flags(
    args: argparse.Namespace, *sections: str, **extra: Mapping[str, Any]
) -> Recipe:
    """A recipe of the schema's defaults and the flags that were given.

    Args:
        args: Parsed by a parser that went through :func:`add_flags` with the same sections.
        sections: The sections that have flags.
        extra: Values from elsewhere, ``codec={"path": ...}``; they count more than flags.

    Raises:
        RecipeError: Values that no recipe could have. Rules that join these sections to others,
            which the verb does not read, are left out.
    """
    values = defaults()
    given: dict[tuple[str, str], Any] = {}
    for key in (key for section in sections for key in keys_of(section)):
        value = getattr(args, _destination(key))
        if value is not None:
            given[key.section, key.name] = _parsed(key, value)
    for section, inner in extra.items():
        given |= {(section, name): value for name, value in inner.items()}
    for (section, name), value in given.items():
        values[section][name] = value
    read = {section: values[section] for section in {*sections, *extra}}
    found = [problem for problem in problems(read) if not problem.missing]
    if found:
        raise RecipeError("\n".join(_line(problem, args, values) for problem in found))
    return build_recipe(values)


def _free(parser: argparse.ArgumentParser, key: Key) -> list[str]:
    """The key's options that are not taken yet."""
    prefixed = f"--{key.section}-{key.name}".replace("_", "-")
    if key.section in _PREFIXED:
        return [prefixed]
    taken = parser._option_string_actions
    free = [flag for flag in _flags(key) if flag not in taken]
    return free or [prefixed]


def _flags(key: Key) -> tuple[str, ...]:
    return tuple(key.rule.get("x-flags") or [f"--{key.name.replace('_', '-')}"])


def _add_flag(group: argparse._ArgumentGroup, key: Key, flags: list[str]) -> None:
    default = "none" if key.default is None else _words(key.default)
    text = f"{key.description} ({key.allowed}; default: {default})".replace("%", "%%")
    options: dict[str, Any] = {"dest": _destination(key), "default": None, "help": text}
    if key.types == ("boolean",):
        options["action"] = argparse.BooleanOptionalAction
    elif "array" in key.types:
        options |= {"nargs": "+", "metavar": "NAME"}
    else:
        options["metavar"] = "PATH" if key.allowed == "a path" else key.name.upper()
        if "x-const" in key.rule:
            options |= {"nargs": "?", "const": key.rule["x-const"]}
    group.add_argument(*flags, **options)


def _destination(key: Key) -> str:
    return f"recipe.{key.dotted}"


def _parsed(key: Key, value: Any) -> Any:
    """A flag's words as YAML would read them, so that files and flags agree."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list):
        return value[0] if value == ["all-linear"] else value
    if "null" in key.types and value.lower() in ("none", "null"):
        return None
    if "string" in key.types:
        return value
    return parse_scalar(value) if value else value


def _line(problem: Problem, args: argparse.Namespace, values: Mapping[str, Any]) -> str:
    section, name = str(problem.path[0]), str(problem.path[1])
    key = keys_by_path()[section, name]
    shown = getattr(args, _destination(key), None)
    if shown is None:
        shown = values[section][name]
    flag = f"--{section}-{name}" if section in _PREFIXED else _flags(key)[0]
    line = f"{flag.replace('_', '-')}: {_words(shown)}: {problem.rule}"
    return f"{line}\n  fix: {problem.fix}" if problem.fix else line


def _words(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)

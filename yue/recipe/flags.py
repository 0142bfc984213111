"""Recipe keys as command-line flags: the same names, defaults, help and rules as in a file."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

from yue.errors import RecipeError, YueError
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem, value_problem
from yue.recipe.read import build_recipe, problems, typed
from yue.recipe.schema import Key, defaults, keys_of
from yue.recipe.yaml_positions import parse_scalar

# Sections whose keys are too short to stand alone.
_PREFIXED = ("lora", "mix")
# Attribute of parsed arguments: which attribute each dotted key's flag has set.
_NAMES = "recipe_flags"
_DOTTED = re.compile(r"(?<![\w./-])[a-z]+\.[a-z_]+\b(?![./])")


def add_flags(
    parser: argparse.ArgumentParser,
    *sections: str,
    own: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> None:
    """Add a flag for each key of these sections; a flag that is not given is None.

    A flag is named as its key (``args.segment_length``), with the section in front for ``lora`` and
    ``mix`` and where the parser has the name already. Its value is checked as the key's would be.

    Args:
        parser: Of a verb.
        sections: Whose keys.
        own: What the verb takes in place of the schema's defaults, in words, by dotted key.
        without: Dotted keys that get no flag.
    """
    names = flag_names(parser)
    own = own or {}
    for section in sections:
        group = parser.add_argument_group(f"recipe keys of {section}")
        for key in keys_of(section):
            if key.dotted in without:
                continue
            default = own.get(key.dotted) or value_words(key.default)
            names[key.dotted] = _add_flag(group, key, _options(parser, key), default)
    parser.set_defaults(**{_NAMES: names})


def recipe_from_flags(
    args: argparse.Namespace, *sections: str, **extra: Mapping[str, Any]
) -> Recipe:
    """Return a recipe of the schema's defaults and the flags that were given.

    Args:
        args: Parsed by a parser that went through :func:`add_flags` with these sections.
        sections: The sections to read.
        extra: Values from elsewhere, ``codec={"path": ...}``; they count more than flags.

    Raises:
        RecipeError: Values that no recipe could have. Rules that join these sections to others,
            which the verb does not read, are left out.
    """
    values = defaults()
    names: dict[str, str] = getattr(args, _NAMES)
    for section, given in given_values(args, *sections).items():
        values[section] |= given
    for section, inner in extra.items():
        values[section] |= inner
    found = problems({section: values[section] for section in {*sections, *extra}})
    lines = [_line(problem, names, values) for problem in found]
    if lines:
        raise RecipeError("\n".join(lines))
    return build_recipe(values)


def flag_names(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return which attribute each dotted key's flag sets, for a parser that has such flags."""
    names: dict[str, str] = parser.get_default(_NAMES) or {}
    return names


def flag_called(flag: str, parser: argparse.ArgumentParser) -> str | None:
    """Return the parser's flag for the key that other programs, or a recipe, call so."""
    word = flag.lstrip("-").lower().replace("-", "_")
    names = flag_names(parser)
    for section in dict.fromkeys(dotted.split(".")[0] for dotted in names):
        for key in keys_of(section):
            called = (key.name, *key.aliases)
            if key.dotted in names and word in (*called, *(f"{section}_{name}" for name in called)):
                return _flag(key.dotted, names)
    return None


def given_values(args: argparse.Namespace, *sections: str) -> dict[str, dict[str, Any]]:
    """Return the values of the flags that were given, by section and key."""
    names: dict[str, str] = getattr(args, _NAMES)
    values: dict[str, dict[str, Any]] = {section: {} for section in sections}
    for key in (key for section in sections for key in keys_of(section)):
        value = getattr(args, names[key.dotted]) if key.dotted in names else None
        if value is not None:
            values[key.section][key.name] = value
    return values


@contextlib.contextmanager
def naming_flags(args: argparse.Namespace) -> Iterator[None]:
    """Have errors that name a recipe's key name its flag beside it: ``train.lr (--lr)``."""
    names: dict[str, str] = getattr(args, _NAMES)

    def both(found: re.Match[str]) -> str:
        return f"{found[0]} ({_flag(found[0], names)})" if found[0] in names else found[0]

    try:
        yield
    except YueError as error:
        parts = (_DOTTED.sub(both, text) for text in (error.what, error.why, error.fix))
        error.what, error.why, error.fix = parts
        error.args = ("\n".join(error.lines()),)
        raise


def _flag(dotted: str, names: Mapping[str, str]) -> str:
    return f"--{names[dotted].replace('_', '-')}" if dotted in names else dotted


def _options(parser: argparse.ArgumentParser, key: Key) -> list[str]:
    """Return the key's option strings that are not taken yet."""
    prefixed = f"--{key.section}-{key.name}".replace("_", "-")
    if key.section in _PREFIXED:
        return [prefixed]
    wanted = key.rule.get("x-flags") or [f"--{key.name.replace('_', '-')}"]
    return [flag for flag in wanted if flag not in parser._option_string_actions] or [prefixed]


def _add_flag(group: argparse._ArgumentGroup, key: Key, flags: list[str], default: str) -> str:
    """Add the flag; returns the attribute that it sets."""
    text = f"{key.description} ({key.allowed}; default: {default})".replace("%", "%%")
    options: dict[str, Any] = {"default": None, "help": text}
    if key.types == ("boolean",):
        options["action"] = argparse.BooleanOptionalAction
    elif "array" in key.types:
        whole = ["all-linear"] if "string" in key.types else []
        options |= {"nargs": "+", "metavar": "NAME", "action": partial(_Words, key=key)}
        if "enum" in key.rule["items"]:
            options["choices"] = [*whole, *key.rule["items"]["enum"]]
        elif key.rule["items"]["type"] == "number":
            options |= {"type": parse_scalar, "metavar": "NUMBER"}
    else:
        options |= {"type": _reader(key), "metavar": _metavar(key)}
        if "x-const" in key.rule:
            options |= {"nargs": "?", "const": key.rule["x-const"]}
    return group.add_argument(*flags, **options).dest


class _Words(argparse.Action):
    """A list; one word that the key takes in place of a list is stored as itself."""

    def __init__(self, *args: Any, key: Key, **options: Any) -> None:
        super().__init__(*args, **options)
        self._key = key

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        alone = len(values) == 1 and value_problem(self._key, values[0]) is None
        setattr(namespace, self.dest, values[0] if alone else values)


def _reader(key: Key) -> Callable[[str], Any]:
    """Read a flag's word as YAML would, and checks it by the key's rule."""

    def read(text: str) -> Any:
        if "null" in key.types and text.lower() in ("none", "null"):
            return None
        value = text if "string" in key.types else parse_scalar(text)
        if problem := value_problem(key, value):
            fix = f"; {problem.fix}" if problem.fix else ""
            raise argparse.ArgumentTypeError(f"{text}: {problem.rule}{fix}")
        return typed(key, value)

    return read


def _metavar(key: Key) -> str:
    if "enum" in key.rule:
        return "{" + ",".join(key.rule["enum"]) + "}"
    return "PATH" if key.allowed == "a path" else key.name.upper()


def _line(problem: Problem, names: Mapping[str, str], values: Mapping[str, Any]) -> str:
    section, name = str(problem.path[0]), str(problem.path[1])
    value = values[section].get(name)
    if len(problem.path) > 2:
        value = value[problem.path[2]]
    line = f"{_flag(f'{section}.{name}', names)}: {value_words(value)}: {problem.rule}"
    return f"{line}\n  fix: {problem.fix}" if problem.fix else line


def value_words(value: Any) -> str:
    """Return a value as its flag takes it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value) or "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)

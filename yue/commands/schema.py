"""Verbs on what can be typed: ``schema`` explains recipe keys, ``completion`` completes words."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Mapping
from typing import Any

from yue.commands import Verb
from yue.errors import UsageError
from yue.recipe.problems import suggest
from yue.recipe.schema import EXTENDS, Key, keys, keys_by_path, keys_of, schema, sections

SCHEMA_EXAMPLE = "yue schema lora.r"


def _add_schema_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", nargs="?", help="section.key or section (default: every key)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the JSON Schema itself")
    form.add_argument("--markdown", action="store_true", help="the reference page of the docs")


def run_schema(args: argparse.Namespace) -> None:
    """Explain a key, the keys of a section, or all."""
    if args.markdown:
        print(reference(), end="")
        return
    if args.key == EXTENDS:
        print(textwrap.fill(f"{EXTENDS}: {schema()['properties'][EXTENDS]['description']}", 100))
        return
    if args.key is None:
        rule, found = schema(), keys()
    elif args.key in sections():
        rule, found = schema()["properties"][args.key], keys_of(args.key)
    elif key := keys_by_path().get(tuple(args.key.split("."))):
        rule, found = key.rule, (key,)
    else:
        raise _unknown_key_error(args.key)
    if args.json:
        print(json.dumps(rule, indent=2, ensure_ascii=False))
    elif len(found) == 1 and args.key == found[0].dotted:
        _print_key(found[0])
    else:
        _print_keys(rule, found)


def reference() -> str:
    """Return every key as a page of Markdown."""
    lines = ["# Recipe keys", "", f"{schema()['description']} Written by `yue schema --markdown`."]
    for section, meaning in sections().items():
        lines += ["", f"## {section}", "", meaning, "", "| key | takes | default | |"]
        lines.append("|---|---|---|---|")
        for key in keys_of(section):
            cells = (f"`{key.name}`", key.allowed, f"`{json.dumps(key.default)}`", key.description)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _print_key(key: Key) -> None:
    print(textwrap.fill(f"{key.dotted}: {key.description}", 100))
    print(f"  takes:   {key.allowed}")
    print(f"  default: {json.dumps(key.default)}")
    if key.aliases:
        print(f"  elsewhere called: {', '.join(key.aliases)}")


def _print_keys(rule: Mapping[str, Any], found: tuple[Key, ...]) -> None:
    print(rule["description"])
    width = max(len(key.dotted) for key in found)
    section = found[0].section
    for key in found:
        if key.section != section:
            section = key.section
            print(f"\n{section}: {sections()[section]}")
        print(f"  {key.dotted:{width}}  {key.allowed} [{json.dumps(key.default)}]")
    print("\nexplain one: yue schema KEY")


def _unknown_key_error(name: str) -> UsageError:
    section, _, key = name.rpartition(".")
    near = suggest(section if section in sections() else "", key or name)
    if near and section in sections() and "." not in near:
        near = f"{section}.{near}"
    return UsageError(
        f"'{name}' is not a recipe key",
        fix=f"did you mean '{near}'?" if near else "`yue schema` lists them all",
    )


COMPLETION_EXAMPLE = 'eval "$(yue completion bash)"   # in ~/.bashrc'


def _add_completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run_completion(args: argparse.Namespace) -> None:
    """Print the script."""
    import shtab  # DVC's own way of completing

    from yue.cli import STAGES, TOOLS, build_parser

    print(shtab.complete(build_parser(*STAGES, *TOOLS), shell=args.shell))


VERBS = {
    "schema": Verb(SCHEMA_EXAMPLE, _add_schema_arguments, run_schema),
    "completion": Verb(COMPLETION_EXAMPLE, _add_completion_arguments, run_completion),
}

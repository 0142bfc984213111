"""The text of a recipe: every key in the schema's order, with its comment beside it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from yue.recipe.remarks import Remarks
from yue.recipe.schema import keys_of, sections

_COLUMN = 37  # of comments, where the value leaves room


def laid_out(header: Sequence[str], values: Mapping[str, Any], remarks: Remarks) -> str:
    """The text of a recipe.

    Args:
        header: Comment lines on top.
        values: Sections, keys and plain values, all of them the schema's.
        remarks: Comments that stand in place of the schema's own.
    """
    lines = [*header, ""] if header else []
    blocks = _blocks(_ordered(values))
    for key in keys_of(""):
        if key.name in values:
            lines += remarks.above.get(key.path, ())
            lines += _with_comment(blocks[key.name,], remarks.beside.get(key.path, ""))
    for section, meaning in sections().items():
        if section not in values:
            continue
        lines += ["", *remarks.above.get((section,), (f"# {meaning}",))]
        lines += _with_comment([f"{section}:"], remarks.beside.get((section,), ""))
        lines += _section_lines(section, values[section], blocks, remarks)
    lines += ["", *remarks.below] if remarks.below else []
    return "\n".join(lines) + "\n"


def _section_lines(
    section: str,
    values: Mapping[str, Any],
    blocks: Mapping[tuple[str, ...], Sequence[str]],
    remarks: Remarks,
) -> list[str]:
    """The lines of a section's keys and of the comments about them."""
    lines: list[str] = []
    last_list = None
    for key in (key for key in keys_of(section) if key.name in values):
        # DVC drops what stands between a list and the next key when it writes another list there.
        place = len(lines) if last_list is None else last_list
        lines[place:place] = [f"  {line}" for line in remarks.above.get(key.path, ())]
        has_items = isinstance(values[key.name], list) and values[key.name]
        last_list = len(lines) if has_items else None
        lines += _with_comment(blocks[key.path], remarks.beside.get(key.path, key.comment))
    return lines


def _ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values in the order of the schema."""
    ordered: dict[str, Any] = {k.name: values[k.name] for k in keys_of("") if k.name in values}
    for section in sections():
        if section in values:
            inner = values[section]
            ordered[section] = {k.name: inner[k.name] for k in keys_of(section) if k.name in inner}
    return ordered


def _blocks(values: Mapping[str, Any]) -> dict[tuple[str, ...], list[str]]:
    """The lines of each key as YAML has them, by its path."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(values, stream)
    lines = iter(stream.getvalue().splitlines())
    blocks: dict[tuple[str, ...], list[str]] = {}
    expected = list(_paths(values))
    for line in lines:
        if expected and line.startswith(_start(expected[0])):
            current = expected.pop(0)
            blocks[current] = []
        blocks[current].append(line)
    return blocks


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield (name,)
        if isinstance(value, Mapping):
            yield from ((name, inner) for inner in value)


def _start(path: tuple[str, ...]) -> str:
    return f"{'  ' * (len(path) - 1)}{path[-1]}:"


def _with_comment(lines: Sequence[str], comment: str) -> list[str]:
    """The lines of a key with a comment: beside the key of a list, else after the value's end."""
    if not comment:
        return list(lines)
    place = 0 if lines[1:] and lines[1].lstrip().startswith("- ") else len(lines) - 1
    first = lines[place].rstrip()
    return [*lines[:place], f"{first:{_COLUMN - 1}} # {comment}", *lines[place + 1 :]]

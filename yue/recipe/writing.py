"""Text of recipes: every key in the schema's order, its comment beside it, as DVC rewrites it.

DVC changes params.yaml (``dvc exp run -S``) by loading it with ruamel's round-trip loader,
replacing every value by a plain one and dumping with block style. Text that is a fixed point of
this changes in one line when one value changes.
"""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from yue.errors import RecipeError
from yue.recipe.read import checked, values_digest, without_defaults
from yue.recipe.resolve import Resolved
from yue.recipe.schema import keys, keys_of, sections
from yue.recipe.yaml_positions import Document, KeyPath

_MODELINE = "# yaml-language-server: $schema="
_ACTIVE = re.compile(
    r"^# Active recipe: (?P<file>.+) sha256:(?P<digest>[0-9a-f]{64})$", re.MULTILINE
)
_PASSES = 5  # ruamel moves comments when it unfolds a flow list; a second pass finds them at rest
_COLUMN = 37  # of comments, where the value leaves room


@dataclass(frozen=True)
class Remarks:
    """Comments of a file below its header.

    Attributes:
        beside: The comment on a key's own line, without its mark.
        above: Lines of comment above a key or section, with their marks and no indent; those
            beside the items of a list are among them.
        below: Lines of comment after the last key.
    """

    beside: Mapping[KeyPath, str]
    above: Mapping[KeyPath, tuple[str, ...]]
    below: tuple[str, ...]


def active_text(found: Resolved, recipe_file: Path, root: Path) -> str:
    """Return the text of params.yaml for a valid recipe: all values, and a header that names it.

    Args:
        found: The recipe.
        recipe_file: Its file.
        root: The project, whose params.yaml it becomes.
    """
    kept = [
        line
        for line in header_lines(found.document.text)
        if not line.startswith(_MODELINE) and not _ACTIVE.match(line)
    ]
    header = [
        f"{_MODELINE}schemas/recipe.schema.json",
        f"# Active recipe: {_file_name(recipe_file, root)} sha256:{values_digest(found.values)}",
        *kept,
    ]
    return canonical(laid_out(header, found.values, _collect_remarks(found)))


def completed_text(document: Document) -> str:
    """Return a file's text with every key it leaves out added; values, comments and header stay.

    Raises:
        RecipeError: A recipe that it extends cannot be read.
        RecipeFaultsError: It has faults.
    """
    found = checked(document)
    header = header_lines(document.text)
    return canonical(laid_out(header, found.values, _collect_remarks(found)))


def short_text(header: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return the text of a recipe that holds only what differs from the schema's defaults.

    Args:
        header: Comment lines below the line for editors.
        values: Complete plain values.
    """
    header = [f"{_MODELINE}../schemas/recipe.schema.json", *header]
    return laid_out(header, without_defaults(values), Remarks({}, {}, ()))


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """Return recipe text with exactly these values, its comments kept, as DVC would write it."""
    return canonical(_rewrite(text, values))


def origin(text: str) -> tuple[str, str] | None:
    """Return the recipe file that params.yaml says it was written from, and its digest then."""
    found = _ACTIVE.search(text)
    return (found["file"], found["digest"]) if found else None


def _collect_remarks(found: Resolved) -> Remarks:
    """Return the comments of a recipe: each from the file that has the value, else from its own."""
    own = remarks_of(found.document)
    files = {id(each): each for each in found.origins.values()}
    remarks = {number: remarks_of(each) for number, each in files.items()}
    beside: dict[KeyPath, str] = {}
    above: dict[KeyPath, tuple[str, ...]] = {}
    for path in [(section,) for section in sections()] + [key.path for key in keys()]:
        origin = found.origins.get(path)
        theirs = own if origin is None else remarks[id(origin)]
        if path in theirs.beside:
            beside[path] = theirs.beside[path]
        if path in theirs.above:
            above[path] = theirs.above[path]
    return Remarks(beside, above, own.below)


def remarks_of(document: Document) -> Remarks:
    """Return the comments of a parsed file, apart from its header's."""
    starts = {place.line: path for path, place in document.keys.items()}
    items = {
        document.places[path].line: f"# {text}"
        for path, text in document.comments.items()
        if isinstance(path[-1], int)
    }
    above: dict[KeyPath, tuple[str, ...]] = {}
    waiting: list[str] = []
    current: KeyPath = ()
    header = len(header_lines(document.text))
    for number, line in enumerate(document.lines[header:], header + 1):
        if number in starts:
            current = starts[number]
            ours = {f"# {meaning}" for name, meaning in sections().items() if (name,) != current}
            # The schema's line above a section stays behind where somebody removed the section.
            if own := tuple(text for text in waiting if text not in ours):
                above[current] = own
            waiting = []
        elif line.lstrip().startswith("#"):
            waiting.append(line.strip())
        elif number in items:
            above[current] = (*above.get(current, ()), items[number])
    beside = {path: text for path, text in document.comments.items() if path in document.keys}
    return Remarks(beside, above, tuple(waiting))


def header_lines(text: str) -> list[str]:
    """Return the comment lines on top."""
    return list(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))


def laid_out(header: Sequence[str], values: Mapping[str, Any], remarks: Remarks) -> str:
    """Return the text of a recipe.

    Args:
        header: Comment lines on top.
        values: Sections, keys and plain values, all of them the schema's.
        remarks: Comments that stand in place of the schema's own.
    """
    lines = [*header, ""] if header else []
    blocks = _blocks(_order_values(values))
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
    """Return the lines of a section's keys and of the comments about them."""
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


def _order_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values in the order of the schema."""
    ordered: dict[str, Any] = {k.name: values[k.name] for k in keys_of("") if k.name in values}
    for section in sections():
        if section in values:
            inner = values[section]
            ordered[section] = {k.name: inner[k.name] for k in keys_of(section) if k.name in inner}
    return ordered


def _blocks(values: Mapping[str, Any]) -> dict[tuple[str, ...], list[str]]:
    """Return the lines of each key as YAML has them, by its path."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(values, stream)
    expected: list[tuple[str, ...]] = []
    for name, value in values.items():
        inner = value if isinstance(value, Mapping) else ()
        expected += [(name,), *((name, key) for key in inner)]
    blocks: dict[tuple[str, ...], list[str]] = {}
    for line in stream.getvalue().splitlines():
        if expected and line.startswith(f"{'  ' * (len(expected[0]) - 1)}{expected[0][-1]}:"):
            current = expected.pop(0)
            blocks[current] = []
        blocks[current].append(line)
    return blocks


def _with_comment(lines: Sequence[str], comment: str) -> list[str]:
    """Return a key's lines with a comment: beside the key of a list, else after the value."""
    if not comment:
        return list(lines)
    place = 0 if lines[1:] and lines[1].lstrip().startswith("- ") else len(lines) - 1
    first = lines[place].rstrip()
    return [*lines[:place], f"{first:{_COLUMN - 1}} # {comment}", *lines[place + 1 :]]


def canonical(text: str) -> str:
    """Return recipe text as DVC would write it, comments kept.

    Raises:
        RecipeError: The text never comes to rest (comments inside lists can do that).
    """
    for _ in range(_PASSES):
        again = _rewrite(text)
        if again == text:
            return text
        text = again
    raise RecipeError(
        "this recipe cannot be laid out the way DVC writes it",
        fix="move comments from inside lists to the line of their key",
    )


def _rewrite(text: str, values: Mapping[str, Any] | None = None) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    data = yaml.load(text)
    if values is not None:
        _assign(data, values)
    _make_plain(data)
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _assign(mapping: Any, values: Mapping[str, Any]) -> None:
    for name in [name for name in mapping if name not in values]:
        del mapping[name]
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(mapping.get(name), dict):
            _assign(mapping[name], value)
        elif name not in mapping or mapping[name] != value:
            mapping[name] = value


def _make_plain(mapping: Any) -> None:
    for name, value in mapping.items():
        if isinstance(value, dict):
            _make_plain(value)
        elif isinstance(value, list):
            mapping[name] = list(value)


def _file_name(recipe_file: Path, root: Path) -> str:
    """Return a path, relative where it lies in the project, so that it holds on other machines."""
    path = Path(os.path.abspath(recipe_file))  # noqa: PTH100  (resolve() would follow links)
    root = root.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()

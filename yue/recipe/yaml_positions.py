"""YAML 1.2 text to plain values, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from yue.errors import RecipeError
from yue.recipe.fault_text import Fault, Place, RecipeFaultsError, conflict_fault, shown_path
from yue.wording import did_you_mean

_MAX_BYTES = 1_000_000
_CORE = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}

_COMMENT = re.compile(r":?[^\S\n]*(?<=\s)#(.*)")

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Unusable:
    """Stands for a value that no key takes.

    Attributes:
        fix: What to write instead.
    """

    fix: str


@dataclass(frozen=True)
class Document:
    """A parsed recipe file.

    Attributes:
        file: The file as it is named in messages.
        lines: Its text.
        values: Sections, keys and values; :class:`Unusable` for what no key takes.
        keys: The place of each key.
        places: The place of each value.
        sources: Each scalar as it is written.
        comments: The comment on the line of a key or an item, without its mark.
        faults: What YAML itself would let pass: duplicate and complex keys.
    """

    file: str
    lines: tuple[str, ...]
    values: Mapping[str, Any]
    keys: Mapping[KeyPath, Place]
    places: Mapping[KeyPath, Place]
    sources: Mapping[KeyPath, str]
    comments: Mapping[KeyPath, str]
    faults: tuple[Fault, ...]

    def says(self, path: KeyPath, *, empty: bool = False) -> bool:
        """Return whether a value is written for a key; an empty one counts if ``empty`` is true."""
        value: Any = self.values
        for part in path:
            if not isinstance(value, Mapping) or part not in value:
                return False
            value = value[part]
        return empty or value is not None

    @property
    def text(self) -> str:
        """The file's text."""
        return "\n".join(self.lines)


def read_document(path: Path) -> Document:
    """Read and parse a file.

    Raises:
        RecipeError: It cannot be read.
        RecipeFaultsError: It is not YAML 1.2 with sections at the top.
    """
    return parse_document(read_text(path), shown_path(path))


def read_text(path: Path) -> str:
    """Return a recipe file's text, without a byte-order mark.

    Raises:
        RecipeError: It is missing, no regular file, too large, unreadable, or not UTF-8.
    """
    file = shown_path(path)
    try:
        if path.is_dir():
            raise RecipeError(f"{file} is a folder, not a recipe", fix=_recipes_in(path))
        if path.exists() and not path.is_file():  # a pipe, for instance, would be waited for
            raise RecipeError(f"{file} is no regular file, so no recipe", fix="save it as a file")
        if path.stat().st_size > _MAX_BYTES:
            raise RecipeError(
                f"{file} is larger than {_MAX_BYTES} bytes: not a recipe",
                fix=_recipes_in(path.parent),
            )
        data = path.read_bytes()
    except FileNotFoundError as error:
        near = did_you_mean(path.name, (p.name for p in path.parent.glob("*.yaml")))
        raise RecipeError(
            f"{file}: no such file", fix=near or "`yue recipes` lists the recipes here"
        ) from error
    except (OSError, ValueError) as error:
        raise RecipeError(f"{file} cannot be read: {error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8", "replace")) + 1
        lines = data.decode("utf-8", "replace").splitlines()
        rule = f"not UTF-8 (byte 0x{data[error.start]:02x})"
        fault = Fault(Place(line, column), "", "", rule, "save the file as UTF-8")
        raise RecipeFaultsError(file, lines, [fault]) from error


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text.

    Raises:
        RecipeFaultsError: It is not YAML 1.2 with sections at the top.
    """
    lines = tuple(text.splitlines())
    if conflict := conflict_fault(text, file):
        raise RecipeFaultsError(file, lines, [conflict])
    yaml = YAML(typ="safe", pure=True)
    try:
        if directive := re.search(r"^%", text, re.MULTILINE):
            line = text.count("\n", 0, directive.start()) + 1
            rule = "a directive; a recipe is plain YAML 1.2"
            raise RecipeFaultsError(
                file, lines, [Fault(Place(line, 1), "", "", rule, "remove the line")]
            )
        node = yaml.compose(text)
    except YAMLError as error:
        raise RecipeFaultsError(file, lines, [_syntax_fault(error, text)]) from error
    except RecursionError as error:
        fault = Fault(Place(1, 1), "", "", "nested too deeply; a recipe has sections and keys")
        raise RecipeFaultsError(file, lines, [fault]) from error
    if not isinstance(node, MappingNode):
        what = "the file is empty" if node is None else "not sections at the top"
        place = Place(1, 1) if node is None else _place(node, text)
        fix = "start from a ready one: `yue recipes` lists them, `yue use` makes one active"
        raise RecipeFaultsError(file, lines, [Fault(place, "", "", what, fix)])
    reader = _Reader(yaml, text)
    values = reader.mapping(node, ())
    return Document(
        file,
        lines,
        values,
        reader.keys,
        reader.places,
        reader.sources,
        reader.comments,
        tuple(reader.faults),
    )


@dataclass
class _Reader:
    """Walks YAML nodes; collects places, sources and faults on the way."""

    yaml: YAML
    text: str
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    sources: dict[KeyPath, str] = field(default_factory=dict)
    comments: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def value(self, node: Node, path: KeyPath) -> Any:
        """Return a node as a plain value."""
        self.places[path] = _place(node, self.text)
        start = node.start_mark.index
        # An alias is its anchor's own node again, so this stops bombs and loops too.
        if self.text[start : start + 1] in ("&", "!", "*"):
            self.sources[path] = self.text[start:].split("\n", 1)[0]
            return Unusable("write the plain value: a recipe has no anchors, aliases or tags")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        self.sources[path] = self.text[start : node.end_mark.index].strip() or "nothing"
        self._note_comment(path, node.end_mark.index)
        return _scalar(self.yaml, node)

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        """Return a mapping with words for keys; the first of duplicate keys counts."""
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node, self.text)
            if not isinstance(key_node, ScalarNode):
                self.faults.append(Fault(place, dotted(path), "", "a key must be a word"))
                continue
            name = key_node.value
            key = (*path, name)
            if name in values:
                rule = f"duplicate key: line {self.keys[key].line} has it already"
                self.faults.append(Fault(place, dotted(key), "", rule, "keep one of the two"))
                continue
            self.keys[key] = place
            self._note_comment(key, key_node.end_mark.index)
            values[name] = self.value(value_node, key)
            if getattr(value_node, "flow_style", False):  # [a, b]  # comment
                self._note_comment(key, value_node.end_mark.index)
            if value_node.start_mark.index == value_node.end_mark.index:
                self.places[key] = place  # nothing is written: YAML places it after the comment
        return values

    def _note_comment(self, path: KeyPath, end: int) -> None:
        """Keep the comment after a key's colon, or after a value, that ends there."""
        if found := _COMMENT.match(self.text, end):
            self.comments[path] = found[1].strip()


def parse_scalar(text: str) -> Any:
    """Return what ``text`` would be as a plain value in a recipe file."""
    yaml = YAML(typ="safe", pure=True)
    tag = yaml.resolver.resolve(ScalarNode, text, (True, False))
    return _scalar(yaml, ScalarNode(tag, text))


def shown_value(value: Any) -> str:
    """Return a value in the words of its file: ``null``, ``true``, ``[a, b]``, number or text."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown_value(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _scalar(yaml: YAML, node: Node) -> Any:
    """Return a finite number, a boolean, null or text; everything else is unusable."""
    if str(node.tag) not in _CORE:
        return Unusable("put the value in quotes if it is text")
    try:
        value = yaml.constructor.construct_object(node)
    except (ValueError, KeyError, IndexError):
        return Unusable("write a shorter, plain number")
    if isinstance(value, float) and not math.isfinite(value):
        return Unusable("write a finite number")
    return value


def walk(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values of the leaves of nested mappings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", leaf) for inner, leaf in walk(value))
        else:
            yield name, value


def dotted(path: KeyPath) -> str:
    """Return ``section.key``."""
    return ".".join(str(part) for part in path)


def _place(node: Node, text: str) -> Place:
    mark, end = node.start_mark, node.end_mark
    source = text[mark.index : end.index].split("\n", 1)[0].rstrip()
    return Place(mark.line + 1, mark.column + 1, max(1, len(source)))


def _syntax_fault(error: YAMLError, text: str) -> Fault:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = str(error.problem or error.context or "not valid YAML")
        fixes = {
            "'\\t'": "indent with spaces",
            "found '-'": "write the name of the list's key above its items",
        }
        fix = next((text for mark, text in fixes.items() if mark in problem), "")
        return Fault(Place(mark.line + 1, mark.column + 1), "", "", f"not YAML: {problem}", fix)
    position = error.position if isinstance(error, ReaderError) else 0
    before = text[:position]
    place = Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
    return Fault(place, "", "", "not YAML: a character that text cannot have", "remove it")


def _recipes_in(folder: Path) -> str:
    names = sorted(p.name for p in folder.glob("*.yaml") if p.name != "dvc.yaml")
    if not names:
        return "name a file: `yue recipes` lists the recipes here"
    return f"name a file in it: {', '.join(names[:10])}"

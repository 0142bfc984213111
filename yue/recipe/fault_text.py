"""Faults of a recipe file as a reader sees them: place, excerpt, rule, fix.

The marks that git leaves where it could not merge two versions of a file are one such fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.errors import RecipeError

_EXCERPT_WIDTH = 100  # characters of a source line
_VALUE_WIDTH = 60
_CONFLICT_MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Place:
    """A stretch of one line; line and column count from 1."""

    line: int
    column: int
    width: int = 1


@dataclass(frozen=True)
class Source:
    """A file as messages name it, and its text."""

    file: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """Something wrong at one place of a file.

    Attributes:
        place: Where.
        key: ``section.key``, or "" when it is not about one.
        value: The value as it is written, or "".
        rule: What is wrong, or what is allowed.
        fix: What to do; "" when the rule says it.
        others: Other keys that could fix it.
        source: The file, where it is not the one that was read: a recipe that this one extends.
    """

    place: Place
    key: str
    value: str
    rule: str
    fix: str = ""
    others: tuple[str, ...] = ()
    source: Source | None = None

    def render(self, file: str, lines: Sequence[str]) -> str:
        """Return ``FILE:LINE:COL: key: value: rule``, the excerpt with a caret, and the fix."""
        if self.source is not None:
            file, lines = self.source.file, self.source.lines
        words = [part for part in (self.key, _shorten(self.value), self.rule) if part]
        text = [f"{file}:{self.place.line}:{self.place.column}: {': '.join(words)}"]
        text += _excerpt(self.place, lines)
        if self.fix:
            text.append(f"  fix: {self.fix}")
        return "\n".join(text)


class RecipeFaultsError(RecipeError):
    """Every fault of one recipe, in the order of its lines; those of extended recipes come last."""

    def __init__(self, file: str, lines: Sequence[str], faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=_sort_key))
        count = len(self.faults)
        title = f"{file}: {count} fault{'s' if count > 1 else ''}"
        super().__init__("\n".join([title, *(fault.render(file, lines) for fault in self.faults)]))


def shown_path(path: Path) -> str:
    """Return a path as the user would write it: relative where it lies in the current folder."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _sort_key(fault: Fault) -> tuple[str, Place]:
    return (fault.source.file if fault.source else "", fault.place)


def _excerpt(place: Place, lines: Sequence[str]) -> list[str]:
    if not 1 <= place.line <= len(lines):
        return []
    start = max(0, place.column - 1 - _EXCERPT_WIDTH // 2)
    text = _printable(lines[place.line - 1].rstrip())[start : start + _EXCERPT_WIDTH]
    caret = "^" + "~" * (min(place.width, max(1, len(text) - (place.column - 1 - start))) - 1)
    margin = f"{place.line:>5} | "
    return [
        f"{margin}{text}".rstrip(),
        f"{' ' * (len(margin) - 2)}| {' ' * (place.column - 1 - start)}{caret}",
    ]


def _shorten(value: str) -> str:
    text = _printable(value)
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 3] + "..."


def _printable(text: str) -> str:
    """Return text with spaces for control characters, which would reach the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def conflict_lines(text: str) -> list[int]:
    """Return the lines, from 1, that are git's conflict marks."""
    return [text.count("\n", 0, mark.start()) + 1 for mark in _CONFLICT_MARK.finditer(text)]


def conflict_fault(text: str, file: str) -> Fault | None:
    """Return what is wrong with a file that git could not merge; None where it has no marks."""
    lines = conflict_lines(text)
    if not lines:
        return None
    shown = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    rule = f"git's conflict marks, at {shown}: two versions that git could not merge are both here"
    fix = "keep one of each part and remove the marks, or take one side whole: "
    fix += f"git checkout --ours {file} (or --theirs)"
    return Fault(Place(lines[0], 1, 7), "", "", rule, fix)

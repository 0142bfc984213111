"""A fault of a recipe file as a reader sees it: place, excerpt, rule, fix.

A fault of a recipe file as a reader sees it: place, excerpt, rule, mending.

Marks that git leaves in a file where two versions of it could not be merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.errors import RecipeError

_SHOWN = 100  # characters of a source line
_VALUE_SHOWN = 60


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
        others: Other keys that could mend it.
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
        """``FILE:LINE:COL: key: value: rule``, the excerpt with a caret, and the fix."""
        if self.source is not None:
            file, lines = self.source.file, self.source.lines
        words = [part for part in (self.key, _short(self.value), self.rule) if part]
        text = [f"{file}:{self.place.line}:{self.place.column}: {': '.join(words)}"]
        text += _excerpt(self.place, lines)
        if self.fix:
            text.append(f"  fix: {self.fix}")
        return "\n".join(text)


class RecipeFaultsError(RecipeError):
    """Every fault of one recipe, in the order of its lines; those of extended recipes come last."""

    def __init__(self, file: str, lines: Sequence[str], faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=_order))
        count = len(self.faults)
        title = f"{file}: {count} fault{'s' if count > 1 else ''}"
        super().__init__("\n".join([title, *(fault.render(file, lines) for fault in self.faults)]))


def shown_path(path: Path) -> str:
    """Return a path as the user would write it: relative where it lies in the current folder."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def _order(fault: Fault) -> tuple[str, Place]:
    return (fault.source.file if fault.source else "", fault.place)


def _excerpt(place: Place, lines: Sequence[str]) -> list[str]:
    if not 1 <= place.line <= len(lines):
        return []
    start = max(0, place.column - 1 - _SHOWN // 2)
    text = _printable(lines[place.line - 1].rstrip())[start : start + _SHOWN]
    caret = "^" + "~" * (min(place.width, max(1, len(text) - (place.column - 1 - start))) - 1)
    margin = f"{place.line:>5} | "
    return [
        f"{margin}{text}".rstrip(),
        f"{' ' * (len(margin) - 2)}| {' ' * (place.column - 1 - start)}{caret}",
    ]


def _short(value: str) -> str:
    text = _printable(value)
    return text if len(text) <= _VALUE_SHOWN else text[: _VALUE_SHOWN - 3] + "..."


def _printable(text: str) -> str:
    """Control characters would reach the terminal: show them as spaces, one for one."""
    return "".join(character if character.isprintable() else " " for character in text)


_MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


def conflict_lines(text: str) -> list[int]:
    """Return the lines, from 1, that are git's conflict marks."""
    return [text.count("\n", 0, mark.start()) + 1 for mark in _MARK.finditer(text)]


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

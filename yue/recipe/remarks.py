"""The comments of a recipe file, each with the key that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yue.recipe.document import Document, KeyPath
from yue.recipe.schema import sections


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


def remarks_of(document: Document) -> Remarks:
    """The comments of a parsed file, apart from its header's."""
    starts = {place.line: path for path, place in document.keys.items()}
    items = {
        document.places[path].line: f"# {text}"
        for path, text in document.comments.items()
        if isinstance(path[-1], int)
    }
    above: dict[KeyPath, tuple[str, ...]] = {}
    waiting: list[str] = []
    current: KeyPath = ()
    header = len(split_header(document.text)[0])
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


def split_header(text: str) -> tuple[list[str], list[str]]:
    """The comment lines on top, and the rest."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:end], lines[end:]

"""A recipe of an earlier version in the names and values of this one.

What the schema was (``x-renamed-from``, ``x-former-values``, ``x-removed``) is applied to a parsed
file before anything is checked, and every change is reported, so that an old recipe goes on working
and says how to write it today.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from yue.recipe.fault_text import Fault, Place
from yue.recipe.schema import keys, schema, sections
from yue.recipe.yaml_positions import Document, KeyPath, dotted, shown_value

_Names = tuple[str, ...]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Change:
    """What a file says in the words of an earlier version.

    Attributes:
        file: The file as it is named in messages.
        line: Where, from 1.
        what: What it is now: ``lora.rank is called lora.r now``.
    """

    file: str
    line: int
    what: str


def renewed(document: Document) -> tuple[Document, tuple[Change, ...]]:
    """Return a document in this version's names and values, positions kept, and the changes."""
    work = _Renewal(document)
    for old, new in _renames():
        work.rename(old, new)
    for old, why in schema().get("x-removed", {}).items():
        work.remove(tuple(old.split(".")), why)
    for key in keys():
        for old_value, value in key.rule.get("x-former-values", ()):
            work.replace(key.path, old_value, value)
    return work.document(), tuple(work.changes)


def _renames() -> Iterator[tuple[_Names, _Names]]:
    """Yield old and new path of each section and key that had another name."""
    for name in sections():
        for old in schema()["properties"][name].get("x-renamed-from", ()):
            yield (old,), (name,)
    for key in keys():
        for old in key.rule.get("x-renamed-from", ()):
            yield tuple(old.split(".")), key.path


@dataclass
class _Renewal:
    """A document being changed; the original stays as it is."""

    original: Document
    values: dict[str, Any] = field(default_factory=dict)
    moved: dict[_Names, _Names] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in self.original.values.items()
        }

    def rename(self, old: _Names, new: _Names) -> None:
        """Move what is called ``old`` to ``new``."""
        if not self._has(old):
            return
        if self._has(new):
            rule = f"is called {dotted(new)} now, and that is here too"
            place = self.original.keys[old]
            self.faults.append(Fault(place, dotted(old), "", rule, "keep one of the two"))
            self._take(old)
            return
        self._tell(old, f"{dotted(old)} is called {dotted(new)} now")
        value = self._take(old)
        section = self.values if len(new) == 1 else self.values.setdefault(new[0], {})
        section[new[-1]] = value
        self.moved[old] = new

    def remove(self, old: _Names, why: str) -> None:
        """Leave out what there is no more."""
        if self._has(old):
            self._tell(old, f"{dotted(old)} is read no more: {why}")
            self._take(old)

    def replace(self, path: _Names, old: Any, new: Any) -> None:
        """Say by ``new`` what was said by ``old``."""
        if self._has(path):
            section = self._section(path)
            value = section[path[-1]]
            if type(value) is type(old) and value == old:  # 1 == True
                words = f"{dotted(path)}: {shown_value(old)} is called {shown_value(new)} now"
                self._tell(path, words)
                section[path[-1]] = new

    def document(self) -> Document:
        """Return the document with all changes."""
        if not self.changes and not self.faults:
            return self.original
        return dataclasses.replace(
            self.original,
            values=self.values,
            keys=self._moved(self.original.keys),
            places=self._moved(self.original.places),
            sources=self._moved(self.original.sources),
            comments=self._moved(self.original.comments),
            faults=(*self.original.faults, *self.faults),
        )

    def _section(self, path: _Names) -> Any:
        """Return what holds a key: its section, or the whole file."""
        return self.values if len(path) == 1 else self.values.get(path[0])

    def _has(self, path: _Names) -> bool:
        section = self._section(path)
        return isinstance(section, Mapping) and path[-1] in section

    def _take(self, path: _Names) -> Any:
        return self._section(path).pop(path[-1])

    def _tell(self, path: _Names, what: str) -> None:
        places = self._moved(self.original.keys)
        place = self.original.keys.get(path) or places.get(path, Place(1, 1))
        self.changes.append(Change(self.original.file, place.line, what))

    def _moved(self, table: Mapping[KeyPath, _T]) -> dict[KeyPath, _T]:
        """Return a table of the document by new names."""
        return {self._path(path): entry for path, entry in table.items()}

    def _path(self, path: KeyPath) -> KeyPath:
        for old, new in self.moved.items():
            if path[: len(old)] == old:
                return (*new, *path[len(old) :])
        return path

"""Which files belong together, where metadata.jsonl or metadata.csv says so (AudioFolder)."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL
from yue.rejections import Rejected

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
_COLUMNS = {VOCAL: "vocals_file_name", INSTRUMENTAL: "instrumental_file_name"}
FILE_KEYS = ("file_name", *_COLUMNS.values())
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_FIX = "write one JSON object (or CSV row) a line, in UTF-8"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, and what to do about it."""

    reason: str
    fix: str


@dataclass(frozen=True)
class Entry:
    """One row.

    Attributes:
        place: Where it is, for messages: ``album/metadata.jsonl:3``.
        song_id: Its ``id``, if given.
        main: The file that ``file_name`` names (else the first stem), relative to the songs folder.
        tracks: Role to file, when the row names stems; empty when only ``file_name`` is given.
    """

    place: str
    song_id: str | None
    main: str
    tracks: dict[str, str]


def read_entries(
    songs_dir: Path, metadata: list[PurePosixPath], audio: frozenset[str]
) -> Iterator[Entry | Rejected]:
    """The rows of all metadata files in order; a row that cannot be used becomes its rejection.

    Args:
        songs_dir: The songs folder.
        metadata: The metadata files, relative to it.
        audio: All audio files there, relative; a row can name no others.
    """
    for path in metadata:
        for number, row in _rows(songs_dir / path):
            place = f"{path}:{number}"
            if isinstance(row, Fault):
                yield Rejected(place, row.reason, row.fix)
            else:
                yield _entry(row, place, path.parent, audio)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        yield 1, Fault(f"the file cannot be read ({error})", _FIX)
        return
    yield from metadata_rows(text, path.suffix)


def metadata_rows(text: str, suffix: str) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    """Yield each row of a metadata file with its line number, or what is wrong with it.

    Args:
        text: The file's, without a byte order mark.
        suffix: ``.csv``, or ``.jsonl``: one JSON object a line.
    """
    if suffix == ".csv":
        yield from _csv_rows(text)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, Fault(f"not valid JSON ({error})", _FIX)
        else:
            yield number, _checked(value)


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    """Rows of a table whose first line names its columns. Every cell is text, ``3,5`` too."""
    if not text.strip():
        return
    delimiter = _delimiter(text)
    if delimiter is None:
        names = ", ".join(FILE_KEYS)
        yield (
            1,
            Fault(
                f"no column of its first line is called {names}, so nothing says which files the "
                "rows are about",
                "begin with a line of column names, file_name among them, separated by comma, "
                "semicolon or tab",
            ),
        )
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: list[str] = []
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if not columns:
                columns = [cell.strip() for cell in cells]
            elif any(map(str.strip, cells[len(columns) :])):
                yield reader.line_num, _too_many_cells(cells, columns, delimiter)
            else:
                row = zip(columns, cells, strict=False)
                yield reader.line_num, {column: cell for column, cell in row if column}
    except csv.Error as error:  # of what follows nothing can be told
        yield (
            reader.line_num,
            Fault(f"not valid CSV, nor is what follows read ({error})", _FIX),
        )


def _delimiter(text: str) -> str | None:
    """Return what separates the columns: that by which the first line names a file's column.

    ``csv.Sniffer`` counts characters of the whole text, and lyrics have more commas than columns.
    """
    for delimiter in _DELIMITERS:
        with contextlib.suppress(csv.Error):
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            header = next((cells for cells in reader if any(map(str.strip, cells))), [])
            if set(FILE_KEYS) & set(map(str.strip, header)):
                return delimiter
    return None


def _too_many_cells(cells: Sequence[str], columns: Sequence[str], delimiter: str) -> Fault:
    name = _DELIMITERS[delimiter]
    return Fault(
        f"it has {len(cells)} cells, and the first line names {len(columns)} columns",
        f'put cells that hold a {name} into quotes: "like{delimiter} this"',
    )


def _checked(value: Any) -> dict[str, Any] | Fault:
    """A line's value if it is a row, else what is wrong with it."""
    if not isinstance(value, dict):
        return Fault("not a JSON object", _FIX)
    if not _is_unicode(str(value.get("id"))):
        return Fault(f"id is {value['id']!r}: half a surrogate pair is no character", _FIX)
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entry(
    row: dict[str, Any], place: str, folder: PurePosixPath, audio: frozenset[str]
) -> Entry | Rejected:
    names = {}
    for role, column in {MIXTURE: "file_name", **_COLUMNS}.items():
        value = row.get(column)
        if value is None or value == "":
            continue
        name = posixpath.normpath(folder / value) if isinstance(value, str) else None
        if name not in audio:
            fix = f"correct {column}; it is relative to the folder of the metadata file"
            if role == MIXTURE and any(map(row.get, _COLUMNS.values())):
                fix += ", or leave it out: a song of two stems needs no mixture"
            return Rejected(
                place,
                f"{column} is {value!r}, and there is no such audio file in the songs folder",
                fix,
                _song_id(row),
            )
        names[role] = name
    if not names:
        return Rejected(place, "it names no file", "give file_name", _song_id(row))
    stems = {role: name for role, name in names.items() if role in _COLUMNS}
    main = names.get(MIXTURE) or next(iter(stems.values()))
    tracks = {**stems, MIXTURE: main} if stems and main not in stems.values() else stems
    return Entry(place, _song_id(row), main, tracks)


def _song_id(row: dict[str, Any]) -> str | None:
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    return str(value)

"""The rows of metadata.jsonl and metadata.csv (AudioFolder): read here, once, for every use.

The stage ``convert`` takes from a row which files are tracks of one song, the stage ``songs`` what
it says about the song.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import posixpath
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL
from yue.rejections import Rejected

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
_STEM_COLUMNS = {VOCAL: "vocals_file_name", INSTRUMENTAL: "instrumental_file_name"}
_COLUMNS = {MIXTURE: "file_name", **_STEM_COLUMNS}
FILE_KEYS = tuple(_COLUMNS.values())
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_FIX = "write one JSON object (or CSV row) a line, in UTF-8"


@dataclass(frozen=True)
class MetadataRow:
    """One row of a metadata file.

    Attributes:
        place: Where it is, for messages: ``album/metadata.jsonl:3``.
        folder: The metadata file's folder, relative to the songs folder.
        values: By key or column. Cells of a CSV are text, ``3,5`` too.
    """

    place: str
    folder: PurePosixPath
    values: dict[str, Any]

    @property
    def song_id(self) -> str | None:
        """The row's ``id``; None where it gives none that is text or a number."""
        value = self.values.get("id")
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            return None
        return str(value)

    @property
    def main_file(self) -> str | None:
        """The first file that the row names, relative to the songs folder; None if it names none.

        Whether the file exists is not checked.
        """
        return next((file for column in FILE_KEYS if (file := self.file(column))), None)

    def file(self, column: str) -> str | None:
        """Return the file that a column names, relative to the songs folder."""
        value = self.values.get(column)
        return posixpath.normpath(self.folder / value) if isinstance(value, str) and value else None


@dataclass(frozen=True)
class MetadataSong:
    """The song that a row describes.

    Attributes:
        place: The row, for messages.
        song_id: The row's ``id``, if it gives one.
        main: The file that ``file_name`` names (else the first stem), relative to the songs folder.
        tracks: Role to file, when the row names stems; empty when only ``file_name`` is given.
    """

    place: str
    song_id: str | None
    main: str
    tracks: dict[str, str]


def read_metadata(songs_dir: Path, file: PurePosixPath) -> Iterator[MetadataRow | Rejected]:
    """Yield the rows of a metadata file in order; a line that is none becomes its rejection.

    Args:
        songs_dir: The songs folder.
        file: The metadata file, relative to it; ``.csv``, or one JSON object a line.
    """
    try:
        text = (songs_dir / file).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        yield Rejected(f"{file}:1", f"the file cannot be read ({error})", _FIX)
        return
    yield from _csv_rows(text, file) if file.suffix == ".csv" else _json_rows(text, file)


def find_tracks(row: MetadataRow, audio: Set[str]) -> MetadataSong | Rejected:
    """Return the song of a row, or why its files make none.

    Args:
        row: The row.
        audio: All audio files of the songs folder, relative; a row can name no others.
    """
    files: dict[str, str] = {}
    for role, column in _COLUMNS.items():
        value, file = row.values.get(column), row.file(column)
        if value is None or value == "":
            continue
        if file is None or file not in audio:
            fix = f"correct {column}; it is relative to the folder of the metadata file"
            if role == MIXTURE and any(map(row.values.get, _STEM_COLUMNS.values())):
                fix += ", or leave it out: a song of two stems needs no mixture"
            reason = f"{column} is {value!r}, and there is no such audio file in the songs folder"
            return Rejected(row.place, reason, fix, row.song_id)
        files[role] = file
    if not files:
        return Rejected(row.place, "it names no file", "give file_name", row.song_id)
    stems = {role: file for role, file in files.items() if role in _STEM_COLUMNS}
    main = files.get(MIXTURE) or next(iter(stems.values()))
    tracks = {**stems, MIXTURE: main} if stems and main not in stems.values() else stems
    return MetadataSong(row.place, row.song_id, main, tracks)


def _json_rows(text: str, file: PurePosixPath) -> Iterator[MetadataRow | Rejected]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Rejected(place, f"not valid JSON ({error})", _FIX)
            continue
        if not isinstance(value, dict):
            yield Rejected(place, "not a JSON object", _FIX)
        elif not _is_unicode(str(value.get("id"))):
            reason = f"id is {value['id']!r}: half a surrogate pair is no character"
            yield Rejected(place, reason, _FIX)
        else:
            yield MetadataRow(place, file.parent, value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(text: str, file: PurePosixPath) -> Iterator[MetadataRow | Rejected]:
    """Yield the rows of a table whose first line names its columns."""
    if not text.strip():
        return
    delimiter = _find_delimiter(text)
    if delimiter is None:
        names = ", ".join(FILE_KEYS)
        yield Rejected(
            f"{file}:1",
            f"no column of its first line is called {names}, so nothing says which files the rows "
            "are about",
            "begin with a line of column names, file_name among them, separated by comma, "
            "semicolon or tab",
        )
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: list[str] = []
    try:
        for cells in reader:
            place = f"{file}:{reader.line_num}"
            if not any(map(str.strip, cells)):
                continue
            if not columns:
                columns = [cell.strip() for cell in cells]
            elif any(map(str.strip, cells[len(columns) :])):
                yield Rejected(
                    place,
                    f"it has {len(cells)} cells, and the first line names {len(columns)} columns",
                    f"put cells that hold a {_DELIMITERS[delimiter]} into quotes: "
                    f'"like{delimiter} this"',
                )
            else:
                row = zip(columns, cells, strict=False)
                values = {column: cell for column, cell in row if column}
                yield MetadataRow(place, file.parent, values)
    except csv.Error as error:  # of what follows nothing can be said
        place = f"{file}:{reader.line_num}"
        yield Rejected(place, f"not valid CSV, nor is what follows read ({error})", _FIX)


def _find_delimiter(text: str) -> str | None:
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

"""Which files belong together, where metadata.jsonl or metadata.csv says so (AudioFolder)."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.rejected import Rejected
from yue.audio.rows import INSTRUMENTAL, MIXTURE, VOCAL

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
_COLUMNS = {VOCAL: "vocals_file_name", INSTRUMENTAL: "instrumental_file_name"}
FILE_KEYS = ("file_name", *_COLUMNS.values())


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
            if isinstance(row, str):
                yield Rejected(place, row, "write one JSON object (or CSV row) a line, in UTF-8")
            else:
                yield _entry(row, place, path.parent, audio)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        yield 1, f"the file cannot be read ({error})"
        return
    if path.suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text, newline=""))
        try:
            for row in reader:
                yield reader.line_num, dict(row)
        except csv.Error as error:  # of what follows nothing can be told
            yield reader.line_num, f"not valid CSV, nor is what follows read ({error})"
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"not valid JSON ({error})"
        else:
            yield number, _checked(value)


def _checked(value: Any) -> dict[str, Any] | str:
    """A line's value if it is a row, else what is wrong with it."""
    if not isinstance(value, dict):
        return "not a JSON object"
    if not _is_unicode(str(value.get("id"))):
        return f"id is {value['id']!r}: half a surrogate pair is no character"
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

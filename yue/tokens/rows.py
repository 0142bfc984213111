"""Rows of songs.jsonl, in upstream's schema, as typed values.

A line that cannot be used is named by its number (and song, once that is known) and the lines
after it are read all the same. Source of the schema: YuE v1, ``finetune/README`` and its example
data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.errors import SongError


@dataclass(frozen=True)
class Segment:
    """One section of a song.

    Attributes:
        start: First frame.
        end: One past the last frame.
        line_content: Label and lyrics.
    """

    start: int
    end: int
    line_content: str


@dataclass(frozen=True)
class SongRow:
    """One song.

    Attributes:
        place: Where the row is, for messages: ``songs.jsonl:7 (song 'x')``.
        id: The song.
        vocal: Path of the vocal track's codes, as written.
        instrumental: Path of the instrumental track's codes, as written.
        seconds: Length of the audio.
        genres: Free text.
        segments: The sections, at least one.
    """

    place: str
    id: str
    vocal: str
    instrumental: str
    seconds: float
    genres: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Rejected:
    """Something left out.

    Attributes:
        what: The row or section, with its place.
        reason: Why.
        fix: What to do about it.
        song_id: The song, or None where the line does not say.
    """

    what: str
    reason: str
    fix: str
    song_id: str | None = None


def rejected(error: SongError, song_id: str | None) -> Rejected:
    """An error about one row or section, as an entry of the report."""
    return Rejected(error.what, error.why, error.fix, song_id)


def read_rows(path: Path) -> Iterator[SongRow | Rejected]:
    """The rows of a file in order; a line that is none becomes its rejection.

    Raises:
        SongError: The file is missing or cannot be read.
    """
    try:
        # Bytes, so that one badly encoded line does not end the file, and "\\n" alone ends a line.
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                yield _read_row(line, f"{path.name}:{number}")
    except OSError as error:
        raise SongError(
            f"{path}: cannot be read ({error.strerror})",
            fix="give the songs.jsonl that the stage 'songs' wrote, or one in YuE's schema",
        ) from error


def _read_row(line: bytes, place: str) -> SongRow | Rejected:
    song_id = None
    try:
        value = _parse(line, place)
        song_id = _song_id(value, place)
        return _song_row(value, song_id, f"{place} (song '{song_id}')")
    except SongError as error:
        return rejected(error, song_id)


def _parse(line: bytes, place: str) -> dict[str, Any]:
    if not line.strip():
        raise SongError(place, why="the line is blank", fix="delete the line")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SongError(
            place, why=f"not valid JSON: {error}", fix="write one JSON object a line"
        ) from error
    if not isinstance(value, dict):
        raise SongError(place, why="not a JSON object", fix="write one JSON object a line")
    return value


def _song_id(value: dict[str, Any], place: str) -> str:
    song_id = value.get("id")
    if isinstance(song_id, bool) or not isinstance(song_id, str | int) or song_id == "":
        raise SongError(place, why="'id' is missing or not text", fix="give the song an id")
    return str(song_id)


def _song_row(value: dict[str, Any], song_id: str, place: str) -> SongRow:
    seconds = _field(value, "audio_length_in_sec", (int, float), place)
    if not (math.isfinite(seconds) and seconds > 0):
        raise SongError(
            place,
            why=f"'audio_length_in_sec' is {seconds}",
            fix="give the length of the audio in seconds, a number above 0",
        )
    lyrics = _field(value, "splitted_lyrics", (dict,), place)
    items = _field(lyrics, "segmented_lyrics", (list,), place)
    if not items:
        raise SongError(
            place,
            why="'segmented_lyrics' is empty",
            fix='give at least one section, for example "[verse]" over the whole song',
        )
    return SongRow(
        place=place,
        id=song_id,
        vocal=_field(value, "vocals_codec", (str,), place),
        instrumental=_field(value, "instrumental_codec", (str,), place),
        seconds=float(seconds),
        genres=_field(value, "genres", (str,), place),
        segments=tuple(
            _segment(item, f"{place}, section {number}") for number, item in enumerate(items, 1)
        ),
    )


def _segment(item: Any, place: str) -> Segment:
    if not isinstance(item, dict):
        raise SongError(place, why="a section is not a JSON object", fix="see YuE's example data")
    return Segment(
        start=_field(item, "codec_frame_start", (int,), place),
        end=_field(item, "codec_frame_end", (int,), place),
        line_content=_field(item, "line_content", (str,), place),
    )


def _field(value: dict[str, Any], key: str, kinds: tuple[type, ...], place: str) -> Any:
    names = " or ".join({"str": "text", "int": "a whole number"}.get(k.__name__, k.__name__)
                        for k in kinds)  # fmt: skip
    if key not in value:
        raise SongError(place, why=f"'{key}' is missing", fix=f"add '{key}' ({names})")
    found = value[key]
    if isinstance(found, bool) or not isinstance(found, kinds):
        raise SongError(place, why=f"'{key}' is {found!r:.60}", fix=f"'{key}' must be {names}")
    return found

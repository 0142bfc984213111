"""Rows of songs.jsonl, in YuE's schema, as typed values.

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
from yue.rejections import Rejected, rejection
from yue.tokens.options import Options

CODES_KEYS = {"mixture": "codec", "vocal": "vocals_codec", "instrumental": "instrumental_codec"}
"""Tracks, and the keys that name their codes."""

_CODES_ROW = {"song_id", "role", "path"}  # what `yue tokenize` writes of each track
_LONGEST_SHOWN = 60  # characters of an id or a value in a message
_KIND_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}


@dataclass(frozen=True)
class Segment:
    """One section of a song.

    Attributes:
        start: First frame.
        end: One past the last frame.
        line_content: Label and lyrics.
        duration: In seconds, or None where the row does not say.
    """

    start: int
    end: int
    line_content: str
    duration: float | None = None


@dataclass(frozen=True)
class SongRow:
    """One song, as far as its layout needs it.

    Attributes:
        place: Where the row is, for messages: ``songs.jsonl:7 (song 'x')``.
        id: The song.
        codes: Track (mixture, vocal, instrumental) to the path of its codes, as written.
        seconds: Length of the audio.
        genres: Free text.
        segments: The sections.
        choruses: From where to where each chorus lasts, in seconds.
    """

    place: str
    id: str
    codes: dict[str, str]
    seconds: float = 0.0
    genres: str = ""
    segments: tuple[Segment, ...] = ()
    choruses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class RowLine:
    """What a line of songs.jsonl says.

    Attributes:
        song_id: The song, or piece of one; None where the line does not say.
        piece_of: The song that a piece was cut from; None for a whole song.
        row: The row, or why it cannot be used.
    """

    song_id: str | None
    piece_of: str | None
    row: SongRow | Rejected


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file, numbered from 1.

    Raises:
        SongError: The file is missing or cannot be read.
    """
    try:
        # Bytes, so that one badly encoded line does not end the file, and "\\n" alone ends a line.
        with path.open("rb") as stream:
            yield from enumerate(stream, 1)
    except OSError as error:
        raise SongError(
            f"{path}: cannot be read ({error.strerror})",
            fix="give the songs.jsonl that the stage 'songs' wrote, or one in YuE's schema",
        ) from error


def read_rows(path: Path, options: Options | None = None) -> Iterator[SongRow | Rejected]:
    """Yield the rows of a file in order; a line that is none becomes its rejection.

    Raises:
        SongError: The file is missing or cannot be read.
    """
    for number, line in read_lines(path):
        yield parse_line(line, f"{path.name}:{number}", options or Options()).row


def parse_line(line: bytes, place: str, options: Options) -> RowLine:
    """Read one line.

    Args:
        line: The line.
        place: Where it is, for messages.
        options: The layout, which says what a row must have.
    """
    song_id = piece_of = None
    try:
        value = _parse(line, place)
        song_id = _song_id(value, place)
        piece_of = value["piece_of"] if isinstance(value.get("piece_of"), str) else None
        row = _song_row(value, song_id, f"{place} (song '{_shorten(song_id)}')", options)
        return RowLine(song_id, piece_of, row)
    except SongError as error:
        return RowLine(song_id, piece_of, rejection(error, song_id))


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
    if song_id is None and value.keys() >= _CODES_ROW:
        raise SongError(
            place,
            why="it is a track of a codes.jsonl, and has no song's lyrics, genres and length",
            fix="give the songs.jsonl that the stage 'songs' writes in a project's work/ (make it "
            "with `yue preprocess --data-dir CONVERTED --songs-dir SONGS`), or rows of your own",
        )
    if isinstance(song_id, bool) or not isinstance(song_id, str | int) or song_id == "":
        raise SongError(place, why="'id' is missing or not text", fix="give the song an id")
    text = str(song_id)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise SongError(place, why="'id' is not valid Unicode", fix="save the file as UTF-8")
    return text


def _song_row(value: dict[str, Any], song_id: str, place: str, options: Options) -> SongRow:
    layout = options.layout_facts
    codes = {track: _codes_path(value, track, place) for track in options.tracks}
    if layout.stage == 2:
        return SongRow(place, song_id, codes)
    if not options.strict:  # what upstream asks for, and does not always read
        for key in layout.upstream.keys:
            _need_key(value, key, "any value", place)
    return SongRow(
        place=place,
        id=song_id,
        codes=codes,
        seconds=_seconds(value, place),
        genres=_text_field(value, "genres", place) if layout.reads_genres else "",
        segments=_segments(value, place),
        choruses=tuple(_choruses(value)) if layout.has_reference else (),
    )


def _seconds(value: dict[str, Any], place: str) -> float:
    seconds = _field(value, "audio_length_in_sec", (int, float), place)
    if not 0 < seconds < math.inf:  # not for NaN either
        raise SongError(
            place,
            why=f"'audio_length_in_sec' is {seconds}",
            fix="give the length of the audio in seconds, a number above 0",
        )
    return float(min(seconds, 1e12))  # an integer may be too large for a float


def _segments(value: dict[str, Any], place: str) -> tuple[Segment, ...]:
    lyrics = _field(value, "splitted_lyrics", (dict,), place)
    items = _field(lyrics, "segmented_lyrics", (list,), place)
    if not items:
        raise SongError(
            place,
            why="'segmented_lyrics' is empty",
            fix='give at least one section, for example "[verse]" over the whole song',
        )
    return tuple(_segment(item, place, number) for number, item in enumerate(items, 1))


def _segment(item: Any, place: str, number: int) -> Segment:
    place = f"{place}, section {number}"
    if not isinstance(item, dict):
        raise SongError(place, why="a section is not a JSON object", fix="see YuE's example data")
    duration = item.get("duration")
    return Segment(
        start=_field(item, "codec_frame_start", (int,), place),
        end=_field(item, "codec_frame_end", (int,), place),
        line_content=_text_field(item, "line_content", place),
        duration=None if duration is None else _field(item, "duration", (int, float), place),
    )


def _choruses(value: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield the spans of the structure that are choruses; anything else in it says nothing."""
    items = value.get("msa")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("label") == "chorus":
            times = [t for t in (item.get("start"), item.get("end")) if isinstance(t, int | float)]
            if len(times) == 2 and all(0 <= t < 1e9 for t in times):
                yield float(times[0]), float(times[1])


def _codes_path(value: dict[str, Any], track: str, place: str) -> str:
    key = CODES_KEYS[track]
    if track == "mixture" and key not in value:
        raise SongError(
            place,
            why=f"'{key}' is missing: the song has no codes of the whole mixture",
            fix="take another track with tokens.track (--track) or tokens.audio_prompt "
            "(--audio-prompt), or add the mixture beside the stems",
        )
    return _text_field(value, key, place)


def _text_field(value: dict[str, Any], key: str, place: str) -> str:
    found: str = _field(value, key, (str,), place)
    return found


def _field(value: dict[str, Any], key: str, kinds: tuple[type, ...], place: str) -> Any:
    if type(value.get(key)) in kinds:
        return value[key]
    _need_key(value, key, _KIND_NAMES[kinds[-1]], place)
    shown, kind = _shorten(repr(value[key])), _KIND_NAMES[kinds[-1]]
    raise SongError(place, why=f"'{key}' is {shown}", fix=f"'{key}' must be {kind}")


def _need_key(value: dict[str, Any], key: str, kind: str, place: str) -> None:
    if key not in value:
        raise SongError(place, why=f"'{key}' is missing", fix=f"add '{key}' ({kind})")


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."

"""What a metadata row or ``song.json`` says about a song, as typed values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yue.audio.folder_metadata import FILE_KEYS
from yue.errors import SongError
from yue.songs.lyrics import clean_genres, clean_label, clean_line
from yue.songs.timeline import OPEN_END, Section, even_lines
from yue.wording import nearest

KEYS = ("id", *FILE_KEYS, "artist", "genres", "lyrics", "sections")
"""Of a row of metadata; ``song.json`` may hold the last four."""

_SECTION_EXAMPLE = '{"start": 0.0, "end": 12.5, "label": "verse", "text": "..."}'


@dataclass(frozen=True)
class Description:
    """What is known about a song besides its audio.

    Attributes:
        artist: Or None where it is not known.
        genres: Tags separated by commas or spaces, as written; "" when there are none.
        lyrics: Plain, labelled or LRC, as written; None when there are none.
        sections: With times in seconds from the start of the file; lines where they have text.
    """

    artist: str | None = None
    genres: str = ""
    lyrics: str | None = None
    sections: tuple[Section, ...] = ()

    def or_else(self, other: Description) -> Description:
        """Return this, with what it lacks taken from ``other``.

        Sections and lyrics go together: lyrics of ``other`` are taken beside own sections only
        when those have no text.
        """
        texts = any(section.lines for section in self.sections)
        return replace(
            self,
            artist=self.artist or other.artist,
            genres=self.genres or other.genres,
            lyrics=self.lyrics if self.lyrics is not None or texts else other.lyrics,
            sections=self.sections or (() if self.lyrics is not None else other.sections),
        )


def misspelt(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return keys that nothing reads, each with the absent key that was probably meant."""
    meant = {key: nearest(key, KEYS) for key in record if key not in KEYS}
    return [(key, near) for key, near in meant.items() if near and near not in record]


def describe(record: Mapping[str, Any], place: str) -> Description:
    """Read the keys ``artist``, ``genres``, ``lyrics`` and ``sections``; others are ignored.

    A value of None or "" counts as absent. ``genres`` is text or a list of texts, ``sections`` a
    list of objects (or, in a CSV cell, its JSON).

    Raises:
        SongError: A value is of another type, or sections have wrong times.
    """
    lyrics = _read_text(record, "lyrics", place)
    return Description(
        artist=clean_line(_read_text(record, "artist", place) or "") or None,
        genres=_read_genres(record, place),
        lyrics=lyrics if lyrics and lyrics.strip() else None,
        sections=_read_sections(record.get("sections"), place),
    )


def _read_text(record: Mapping[str, Any], key: str, place: str) -> str | None:
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    raise SongError(place, why=f"'{key}' is {value!r:.60}, not text", fix=f"write '{key}' as text")


def _read_genres(record: Mapping[str, Any], place: str) -> str:
    value = record.get("genres")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(filter(None, map(clean_genres, value)))
    if value is None or isinstance(value, str):
        return clean_genres(value or "")
    raise SongError(
        place,
        why=f"'genres' is {value!r:.60}",
        fix='write text ("pop, female vocal") or a list of texts',
    )


def _read_sections(value: Any, place: str) -> tuple[Section, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise SongError(
                place,
                why=f"'sections' is not valid JSON ({error})",
                fix=f"write a list such as [{_SECTION_EXAMPLE}]",
            ) from error
    if not isinstance(value, list):
        raise SongError(
            place,
            why=f"'sections' is {value!r:.60}",
            fix=f"write a list such as [{_SECTION_EXAMPLE}]",
        )
    sections = [_read_section(item, f"{place}, section {n}") for n, item in enumerate(value, 1)]
    sections.sort(key=lambda section: section.start)
    return tuple(sections)


def _read_section(item: Any, place: str) -> Section:
    if not isinstance(item, dict):
        raise SongError(place, why=f"{item!r:.60} is no object", fix=f"write {_SECTION_EXAMPLE}")
    label = item.get("label")
    if not isinstance(label, str) or not clean_label(label):
        raise SongError(
            place, why=f"'label' is {label!r:.60}", fix='give a label such as "verse" or "intro"'
        )
    start, end = _read_seconds(item, "start", place), OPEN_END
    if item.get("end") is not None:
        end = _read_seconds(item, "end", place)
        if end <= start:
            raise SongError(
                place, why=f"it ends at {end:g} s, starts at {start:g} s", fix="correct the times"
            )
    text = item.get("text") or ""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        raise SongError(place, why=f"'text' is {text!r:.60}", fix="write its lines as text")
    lines = list(filter(None, map(clean_line, text.splitlines())))
    timed = even_lines(lines, start, end if end < OPEN_END else start)
    return Section(start, end, clean_label(label), timed)


def _read_seconds(item: dict[str, Any], key: str, place: str) -> float:
    value = item.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise SongError(
            place,
            why=f"'{key}' is {value!r:.60}",
            fix=f"give '{key}' in seconds from the start of the file, 0 or more",
        )
    return float(value)

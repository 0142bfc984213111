"""Text files that people wrote: encodings, and lyrics of any of the known forms."""

from __future__ import annotations

import codecs
from pathlib import Path

from yue.errors import SongError
from yue.songs.lrc import is_lrc, parse_lrc
from yue.songs.lyrics import LyricSection, line_content, parse_lyrics

MAX_BYTES = 4 << 20
"""A larger file is not about one song."""


def read_text(path: Path, place: str, max_bytes: int = MAX_BYTES) -> str:
    """A text file: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Args:
        path: The file.
        place: Its name for messages.
        max_bytes: Its largest size.

    Raises:
        SongError: It cannot be read, is too large, or has another encoding.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise SongError(
                place,
                why=f"larger than {max_bytes >> 20} MiB",
                fix="rename the file if it is no text about a song",
            )
        data = path.read_bytes()
    except OSError as error:
        raise SongError(
            place, why=f"cannot be read ({error.strerror})", fix="make the file readable"
        ) from error
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SongError(
            place, why=f"not UTF-8 text ({error.reason} at byte {error.start})",
            fix="save the file as UTF-8",
        ) from error  # fmt: skip


def untimed_sections(lyrics: str) -> tuple[LyricSection, ...]:
    """The sections of plain, labelled or LRC lyrics, without times."""
    if not is_lrc(lyrics):
        return parse_lyrics(lyrics)
    return tuple(
        LyricSection(section.label, tuple(line.text for line in section.lines))
        for section in parse_lrc(lyrics)
    )


def line_contents(lyrics: str) -> tuple[str, ...]:
    """Lyrics as the texts of their sections, exactly as in training rows."""
    return tuple(line_content(section.label, section.lines) for section in untimed_sections(lyrics))

"""A prompt from a file of lyrics, read as the lyrics of training songs are."""

from __future__ import annotations

from pathlib import Path

from yue.errors import GenerationError
from yue.generation.source import SongSource
from yue.songs.lyrics import line_content, parse_lyrics
from yue.songs.metadata import clean_genres


def lyrics_source(path: Path, genres: str) -> SongSource:
    """The song that a file of lyrics describes; its id is the file's name without suffix.

    Raises:
        GenerationError: The file cannot be read, or has no section.
    """
    try:
        sections = parse_lyrics(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise GenerationError(
            f"{path}: cannot be read as text ({error})", fix="give a file in UTF-8 (--lyrics)"
        ) from error
    if not sections:
        raise GenerationError(
            f"{path}: no lyrics",
            fix="write sections under labels, for example [verse]; [intro] may stand alone",
        )
    contents = tuple(line_content(section.label, section.lines) for section in sections)
    return SongSource(path.stem, "given", clean_genres(genres), contents)

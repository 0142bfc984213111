"""A prompt from a file of lyrics, read as the lyrics of training songs are."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from yue.errors import GenerationError
from yue.generation.source import SongSource
from yue.songs.lyrics import line_content, parse_lyrics
from yue.songs.metadata import clean_genres

TAGS = (
    "intro", "verse", "pre-chorus", "chorus", "post-chorus", "hook", "refrain", "bridge",
    "interlude", "inst", "instrumental", "solo", "break", "breakdown", "build", "drop", "rap",
    "spoken", "outro", "start", "end",
)  # fmt: skip
"""Labels of sections; words beside them ([verse 2], [guitar solo]) change nothing."""

_WORDS = {word for tag in TAGS for word in (tag, tag.replace("-", ""), tag.split("-")[-1])}


def lyrics_source(path: Path, genres: str, *, any_tag: bool = False) -> SongSource:
    """The song that a file of lyrics describes; its id is the file's name without suffix.

    Args:
        path: Lyrics in sections under labels.
        genres: Free text.
        any_tag: Take labels that are none of :data:`TAGS`, too.

    Raises:
        GenerationError: The file cannot be read, has no section, or a label is not known.
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
    for section in sections:
        if not any_tag and not is_known(section.label):
            raise _unknown(path, section.label)
    contents = tuple(line_content(section.label, section.lines) for section in sections)
    return SongSource(path.stem, "given", clean_genres(genres), contents)


def is_known(label: str) -> bool:
    """Whether a label has the name of a section among its words."""
    return any(word in _WORDS for word in re.findall(r"[a-z]+", label))


def _unknown(path: Path, label: str) -> GenerationError:
    close = difflib.get_close_matches(label, TAGS, n=1)
    hint = f"did you mean [{close[0]}]?" if close else f"use one of {', '.join(TAGS)}"
    return GenerationError(
        f"{path}: unknown tag [{label}]",
        why="a model sings sections that it has learned; YuE never met one of this name",
        fix=f"{hint}; or give --any-tag, if the songs it was tuned on have it",
    )

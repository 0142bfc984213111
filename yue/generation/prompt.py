"""The prompt of a song, from a row or from a file of lyrics.

The prompt of a song: the token ids training puts around the codes, by training's functions.

A prompt from a file of lyrics, read as the lyrics of training songs are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.generation.prompt_songs import SongSource
from yue.songs.lyrics import line_content, parse_lyrics
from yue.songs.song_metadata import clean_genres
from yue.tokens.layouts import cot, icl, interleave
from yue.tokens.layouts.blocks import END, Draws, opening
from yue.tokens.layouts.table import LAYOUTS

if TYPE_CHECKING:
    from yue.tokens.text_tokenizer import TextTokenizer
    from yue.tokens.vocabulary import CodecRange

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Opening:
    """What comes before the codes of one section, and what comes after them.

    Attributes:
        label: The first line of its text, such as ``"[verse]"``.
        before: The section's text with what stands before it, SOA, the codec's separator.
        after: EOA, and the marker after it where the layout has one.
    """

    label: str
    before: Ids
    after: Ids


@dataclass(frozen=True)
class SongPrompt:
    """A song to generate.

    Attributes:
        song_id: Names it in errors.
        head: The instruction, the genres, the lyrics of all sections and the reference audio, as
            far as the layout has a header.
        openings: The sections to generate, in order.
        seed: Of this song's own random numbers.
    """

    song_id: str
    head: Ids
    openings: tuple[Opening, ...]
    seed: int


def song_prompt(
    tokenizer: TextTokenizer,
    codec: CodecRange,
    *,
    song_id: str,
    layout: str = "cot",
    genres: str,
    line_contents: Sequence[str],
    reference: Ids | None = None,
    sections: int | None,
    seed: int,
) -> SongPrompt:
    r"""Build a prompt by the functions that lay out training documents.

    Args:
        tokenizer: Text to ids.
        codec: The ids of the codebooks that documents carry.
        song_id: Names the song in errors.
        layout: One of :data:`~yue.tokens.layouts.table.GENERATED_LAYOUTS`.
        genres: Free text.
        line_contents: One text for each section: ``"[label]\nlines\n\n"``. All of them are in
            the head, as in training.
        reference: Ids of reference audio, for a head as in the layout icl.
        sections: How many of them to generate, from the first; None is all.
        seed: Of the song's random numbers.

    Raises:
        GenerationError: There is no section, or the layout has no place for reference audio.
    """
    if not line_contents:
        raise GenerationError(
            "the lyrics have no section",
            fix="write at least one section that starts with a label, for example [verse]",
        )
    if not LAYOUTS[layout].has_header and reference is not None:
        raise GenerationError(
            f"an audio prompt with tokens.layout {layout}",
            why="its documents have no header that could hold reference audio",
            fix="leave the audio prompt out, or train with tokens.layout: icl",
        )
    return SongPrompt(
        song_id=song_id,
        head=_head(tokenizer, codec, layout, genres, line_contents, reference),
        openings=tuple(
            _opening(tokenizer, codec, layout, text) for text in line_contents[:sections]
        ),
        seed=seed,
    )


def _head(
    tokenizer: TextTokenizer,
    codec: CodecRange,
    layout: str,
    genres: str,
    line_contents: Sequence[str],
    reference: Ids | None,
) -> Ids:
    if not LAYOUTS[layout].has_header:
        return np.zeros(0, dtype=np.int32)
    if reference is None:
        return cot.head_ids(tokenizer, genres, line_contents)
    return icl.head_ids(tokenizer, genres, line_contents, reference, codec)


def _opening(tokenizer: TextTokenizer, codec: CodecRange, layout: str, text: str) -> Opening:
    label = text.split("\n", 1)[0]
    if not LAYOUTS[layout].has_header:
        words = interleave.text_ids(tokenizer, text, Draws(0), dropout=0.0)
        return Opening(label, before=np.concatenate([words, opening(codec)]), after=END)
    return Opening(
        label,
        before=cot.section_start_ids(tokenizer, text, codec),
        after=cot.section_end_ids(tokenizer),
    )


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

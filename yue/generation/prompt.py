"""The prompt of a song: the token ids that training puts around the codes, by its functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.tokens.layouts import cot, icl, interleave
from yue.tokens.layouts.blocks import END, Draws, opening
from yue.tokens.layouts.table import LAYOUTS

if TYPE_CHECKING:
    from yue.tokens.text_tokenizer import TextTokenizer
    from yue.tokens.vocabulary import CodecRange

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class SectionPrompt:
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
        sections: The sections to generate, in order.
        seed: Of this song's own random numbers.
    """

    song_id: str
    head: Ids
    sections: tuple[SectionPrompt, ...]
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
        sections=tuple(
            _section(tokenizer, codec, layout, text) for text in line_contents[:sections]
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


def _section(tokenizer: TextTokenizer, codec: CodecRange, layout: str, text: str) -> SectionPrompt:
    label = text.split("\n", 1)[0]
    if not LAYOUTS[layout].has_header:
        words = interleave.text_ids(tokenizer, text, Draws(0), dropout=0.0)
        return SectionPrompt(label, before=np.concatenate([words, opening(codec)]), after=END)
    return SectionPrompt(
        label,
        before=cot.section_start_ids(tokenizer, text, codec),
        after=cot.section_end_ids(tokenizer),
    )

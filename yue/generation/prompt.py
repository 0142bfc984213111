"""The prompt of a song: the token ids training puts around the codes, by training's functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.tokens.layouts import cot

if TYPE_CHECKING:
    from yue.tokens.text import TextTokenizer
    from yue.tokens.vocabulary import CodecRange

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Opening:
    """What comes before the codes of one section, and what comes after them.

    Attributes:
        before: [start_of_segment], the section's text, SOA, the codec's separator.
        after: EOA, [end_of_segment].
    """

    before: Ids
    after: Ids


@dataclass(frozen=True)
class SongPrompt:
    """A song to generate.

    Attributes:
        head: The instruction, the genres and the lyrics of all sections.
        openings: The sections to generate, in order.
        seed: Of this song's own random numbers.
    """

    head: Ids
    openings: tuple[Opening, ...]
    seed: int


def song_prompt(
    tokenizer: TextTokenizer,
    codec: CodecRange,
    *,
    genres: str,
    line_contents: Sequence[str],
    sections: int | None,
    seed: int,
) -> SongPrompt:
    r"""Build a prompt in the CoT layout (YUE_FORMAT.md 2.5).

    Args:
        tokenizer: Text to ids.
        codec: The codec's place in the vocabulary.
        genres: Free text.
        line_contents: One text for each section: ``"[label]\nlines\n\n"``. All of them are in
            the head, as in training.
        sections: How many of them to generate, from the first; None is all.
        seed: Of the song's random numbers.

    Raises:
        GenerationError: There is no section.
    """
    if not line_contents:
        raise GenerationError(
            "the lyrics have no section",
            fix="write at least one section that starts with a label, for example [verse]",
        )
    return SongPrompt(
        head=cot.head_ids(tokenizer, genres, line_contents),
        openings=tuple(
            Opening(
                before=cot.section_start_ids(tokenizer, text, codec),
                after=cot.section_end_ids(tokenizer),
            )
            for text in line_contents[:sections]
        ),
        seed=seed,
    )

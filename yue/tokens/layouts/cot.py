r"""The layout ``cot`` of YuE's stage 1: a header, then section by section lyrics and both tracks.

::

    header   tok(INSTRUCTION "\n[Genre] " genres "\n" all sections' lines joined by "\n")
    section  tok("[start_of_segment]") tok(lines) <SOA> <codec> v0 i0 v1 i1 ... <EOA>
             tok("[end_of_segment]")
    end      <EOD>, appended to the last sequence

The segment markers are plain text, each tokenized apart. Training documents and generation prompts
are built from the same functions, so they cannot differ. Source: YuE v1, ``finetune``
(token-level interleave, CoT) and ``inference/infer.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yue.tokens.layouts.blocks import END, Document, Ids, Section, document_of, opening
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange

INSTRUCTION = "Generate music from the given lyrics segment by segment."
START_OF_SEGMENT = "[start_of_segment]"
END_OF_SEGMENT = "[end_of_segment]"


def head_text(genres: str, line_contents: Sequence[str]) -> str:
    """Return the header as text."""
    return f"{INSTRUCTION}\n[Genre] {genres}\n" + "\n".join(line_contents)


def head_ids(tokenizer: TextTokenizer, genres: str, line_contents: Sequence[str]) -> Ids:
    """Return the header: instruction, genres, lyrics of all sections; int32, shape (N,)."""
    return tokenizer.encode(head_text(genres, line_contents))


def section_start_ids(tokenizer: TextTokenizer, line_content: str, codec: CodecRange) -> Ids:
    """Return a section up to its first code: marker, lyrics, ``<SOA>``, separator; (N,)."""
    return np.concatenate(
        [tokenizer.encode(START_OF_SEGMENT), tokenizer.encode(line_content), opening(codec)]
    )


def section_end_ids(tokenizer: TextTokenizer) -> Ids:
    """Return a section after its last code: ``<EOA>`` and the marker; int32, shape (N,)."""
    return np.concatenate([END, tokenizer.encode(END_OF_SEGMENT)])


def section_parts(
    tokenizer: TextTokenizer, sections: Sequence[Section], codec: CodecRange
) -> list[list[Ids]]:
    """Return whole sections, each in parts that are its start, its codes and its end."""
    marker, audio, end = (
        tokenizer.encode(START_OF_SEGMENT),
        opening(codec),
        section_end_ids(tokenizer),
    )
    return [[marker, tokenizer.encode(s.line_content), audio, s.ids, end] for s in sections]


def document(
    tokenizer: TextTokenizer,
    genres: str,
    line_contents: Sequence[str],
    sections: Sequence[Section],
    codec: CodecRange,
) -> Document:
    """Lay out one whole song.

    Args:
        tokenizer: The text tokenizer.
        genres: Free text.
        line_contents: Label and lyrics of every section of the song, also of those without codes.
        sections: The sections whose codes are used, in order, both tracks taking turns.
        codec: The codec of their codes.
    """
    header = [head_ids(tokenizer, genres, line_contents)]
    return document_of([header, *section_parts(tokenizer, sections, codec)])

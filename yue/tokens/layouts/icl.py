r"""The layout ``icl`` of YuE's stage 1: cot, with reference audio in the header.

::

    header   tok(INSTRUCTION "\n[Genre] " genres "\n" all lines) tok("[start_of_reference]")
             <SOA> <codec> prompt <EOA> tok("[end_of_reference]")
    section  as in cot
    end      <EOD>, appended to the last sequence

The prompt is a stretch of the song itself: vocal and instrumental taking turns (``dual``, which
starts on a vocal id and ends on an instrumental one), or one track alone (``vocal``, ``inst``,
``mixture``). Source: YuE v1, ``finetune`` (token-level interleave, audio ICL) and
``inference/infer.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from yue.tokens.layouts import cot
from yue.tokens.layouts.blocks import Document, Ids, Section, block, document_of
from yue.tokens.roles import REFERENCE_MARKER
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange

END_OF_REFERENCE = "[end_of_reference]"


def head_ids(
    tokenizer: TextTokenizer,
    genres: str,
    line_contents: Sequence[str],
    prompt: Ids,
    codec: CodecRange,
) -> Ids:
    """Return the header: cot's, and the reference audio between its markers; (N,)."""
    return np.concatenate(
        [
            cot.head_ids(tokenizer, genres, line_contents),
            tokenizer.encode(REFERENCE_MARKER),
            *block(prompt, codec),
            tokenizer.encode(END_OF_REFERENCE),
        ]
    )


def document(
    tokenizer: TextTokenizer,
    genres: str,
    line_contents: Sequence[str],
    prompt: Ids,
    sections: Sequence[Section],
    codec: CodecRange,
) -> Document:
    """Lay out one whole song.

    Args:
        tokenizer: The text tokenizer.
        genres: Free text.
        line_contents: Label and lyrics of every section of the song, also of those without codes.
        prompt: Ids of the reference audio.
        sections: The sections whose codes are used, in order, both tracks taking turns.
        codec: The codec of all codes.
    """
    header = head_ids(tokenizer, genres, line_contents, prompt, codec)
    return document_of([[header], *cot.section_parts(tokenizer, sections, codec)])

r"""The layout ``interleave``: sections one after the other, each with its own instruction.

::

    section  tok(INSTRUCTION "\n" lines) <SOA> <codec> v0 i0 v1 i1 ... <EOA>
    end      <EOD>, appended to the last sequence

There is no header. With instruction dropout, a section's text is ``tok(lines)`` alone, drawn for
each section. Source: YuE v1, ``finetune`` (token-level interleave without CoT).
"""

from __future__ import annotations

from collections.abc import Sequence

from yue.tokens.layouts import cot
from yue.tokens.layouts.blocks import Document, Draws, Ids, Section, block, document_of
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange


def text_ids(tokenizer: TextTokenizer, line_content: str, draws: Draws, dropout: float) -> Ids:
    """Encode a section's text, its instruction left out in a share ``dropout`` of the draws."""
    is_dropped = draws.share() < dropout
    return tokenizer.encode(line_content if is_dropped else f"{cot.INSTRUCTION}\n{line_content}")


def document(
    tokenizer: TextTokenizer,
    sections: Sequence[Section],
    codec: CodecRange,
    *,
    draws: Draws,
    dropout: float,
) -> Document:
    """Lay out one whole song.

    Args:
        tokenizer: The text tokenizer.
        sections: The sections whose codes are used, in order, both tracks taking turns.
        codec: The codec of the codes.
        draws: The song's own.
        dropout: Share of the sections without the instruction.
    """
    return document_of(
        [
            text_ids(tokenizer, section.line_content, draws, dropout),
            *block(section.ids, codec),
        ]
        for section in sections
    )

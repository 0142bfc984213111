r"""The layout ``mix``: sections one after the other, one track alone (the mixture, as a rule).

::

    textfirst   section  tok(INSTRUCTION "\n" lines) <SOA> <codec> ids <EOA>
    audiofirst  section  <SOA> <codec> ids <EOA> tok(INSTRUCTION "\n" lines)
    end         <EOD>, appended to the last sequence

``ids`` are frame by frame, all codebooks in turn. Instruction dropout as in ``interleave``.
Source: YuE v1, ``finetune`` (no interleave flag).
"""

from __future__ import annotations

from collections.abc import Sequence

from yue.tokens.layouts.blocks import Document, Draws, Section, block, document_of
from yue.tokens.layouts.interleave import text_ids
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange


def document(
    tokenizer: TextTokenizer,
    sections: Sequence[Section],
    codec: CodecRange,
    *,
    audio_first: bool,
    draws: Draws,
    dropout: float,
) -> Document:
    """Lay out one whole song.

    Args:
        tokenizer: The text tokenizer.
        sections: The sections whose codes are used, in order, of one track.
        codec: The codec of the codes.
        audio_first: Whether the codes come before the text.
        draws: The song's own.
        dropout: Share of the sections without the instruction.
    """
    sequences = []
    for section in sections:
        text = [text_ids(tokenizer, section.line_content, draws, dropout)]
        audio = block(section.ids, codec)
        sequences.append(audio + text if audio_first else text + audio)
    return document_of(sequences)

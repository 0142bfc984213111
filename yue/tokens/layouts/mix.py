r"""The layout ``mix``: sections one after the other, one track alone (the mixture, as a rule).

::

    textfirst   section  tok(INSTRUCTION "\n" lines) <SOA> <codec> ids <EOA>
    audiofirst  section  <SOA> <codec> ids <EOA> tok(INSTRUCTION "\n" lines)
    end         <EOD>, appended to the last sequence

``ids`` are frame by frame, all codebooks in turn. Instruction dropout as in ``interleave``.
Source: YuE v1, ``finetune`` (no interleave flag).
"""

from __future__ import annotations

from yue.tokens.layouts.blocks import Document, SongParts, block, document_of
from yue.tokens.layouts.interleave import text_ids


def document(song: SongParts) -> Document:
    """Lay out one whole song, its sections of one track."""
    sequences = []
    for section in song.sections:
        dropout = song.instruction_dropout
        text = [text_ids(song.tokenizer, section.line_content, song.draws, dropout)]
        audio = block(section.ids, song.codec)
        sequences.append(audio + text if song.audio_first else text + audio)
    return document_of(sequences)

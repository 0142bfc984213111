r"""The CoT layout of YuE's stage 1: a header, then section by section lyrics and both tracks.

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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.native.codes import interleave
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import EOA, EOD, SOA, CodecRange

INSTRUCTION = "Generate music from the given lyrics segment by segment."
START_OF_SEGMENT = "[start_of_segment]"
END_OF_SEGMENT = "[end_of_segment]"

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Section:
    r"""One section of a song.

    Attributes:
        line_content: Its label and lyrics, ``"[verse]\nline\nline\n\n"``.
        vocal: Codes of codebook 0 of the vocal track, integers, shape (T,).
        instrumental: The same of the instrumental track, shape (T,).
    """

    line_content: str
    vocal: npt.NDArray[Any]
    instrumental: npt.NDArray[Any]


@dataclass(frozen=True)
class Document:
    """One song as token ids.

    Attributes:
        sequences: The header, then one array a section; int32. ``<EOD>`` ends the last.
    """

    sequences: tuple[Ids, ...]

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return sum(len(sequence) for sequence in self.sequences)


def head_text(genres: str, line_contents: Sequence[str]) -> str:
    """The header as text."""
    return f"{INSTRUCTION}\n[Genre] {genres}\n" + "\n".join(line_contents)


def head_ids(tokenizer: TextTokenizer, genres: str, line_contents: Sequence[str]) -> Ids:
    """The header: instruction, genres and the lyrics of all sections; int32, shape (N,)."""
    return tokenizer.encode(head_text(genres, line_contents))


def section_start_ids(tokenizer: TextTokenizer, line_content: str, codec: CodecRange) -> Ids:
    """A section up to its first code: marker, lyrics, ``<SOA>``, separator; int32, shape (N,)."""
    return np.concatenate(
        [
            tokenizer.encode(START_OF_SEGMENT),
            tokenizer.encode(line_content),
            np.asarray([SOA, *codec.separators], dtype=np.int32),
        ]
    )


def section_end_ids(tokenizer: TextTokenizer) -> Ids:
    """A section after its last code: ``<EOA>`` and the marker; int32, shape (N,)."""
    end = tokenizer.encode(END_OF_SEGMENT)
    return np.concatenate([np.asarray([EOA], dtype=np.int32), end])


def code_ids(
    vocal_codes: npt.NDArray[Any], instrumental_codes: npt.NDArray[Any], codec: CodecRange
) -> Ids:
    """Both tracks' codes as ids, vocal first; int32, shape (2T,).

    Raises:
        NativeError: A code is out of range, or the tracks differ in length.
    """
    return interleave(
        vocal_codes, instrumental_codes, offset=codec.offset, size=codec.codebook_size
    )


def section_ids(
    tokenizer: TextTokenizer,
    line_content: str,
    vocal_codes: npt.NDArray[Any],
    instrumental_codes: npt.NDArray[Any],
    codec: CodecRange,
) -> Ids:
    """One whole section; int32, shape (N,).

    Args:
        tokenizer: The text tokenizer.
        line_content: Label and lyrics.
        vocal_codes: Codes of codebook 0, integers, shape (T,).
        instrumental_codes: The same of the other track, shape (T,).
        codec: The codec of both.

    Raises:
        NativeError: A code is out of range, or the tracks differ in length.
    """
    return np.concatenate(
        [
            section_start_ids(tokenizer, line_content, codec),
            code_ids(vocal_codes, instrumental_codes, codec),
            section_end_ids(tokenizer),
        ]
    )


def document(
    tokenizer: TextTokenizer,
    genres: str,
    line_contents: Sequence[str],
    sections: Sequence[Section],
    codec: CodecRange,
) -> Document:
    """One whole song.

    Args:
        tokenizer: The text tokenizer.
        genres: Free text.
        line_contents: Label and lyrics of every section of the song, also of those without codes.
        sections: The sections whose codes are used, in order.
        codec: The codec of their codes.

    Raises:
        NativeError: A code is out of range, or two tracks differ in length.
    """
    sequences = [head_ids(tokenizer, genres, line_contents)]
    for section in sections:
        sequences.append(
            section_ids(tokenizer, section.line_content, section.vocal, section.instrumental, codec)
        )
    sequences[-1] = np.append(sequences[-1], np.int32(EOD))
    return Document(tuple(sequences))

"""Roles: what each token of a document is for, from its ids and the form of its layout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from yue.tokens.options import Options
from yue.tokens.vocabulary import EOA, SOA, STAGE_1, TEXT_SIZE, CodecRange

REFERENCE_MARKER = "[start_of_reference]"
"""The text before the reference audio of a document; not a control id."""

YUE_REFERENCE_MARKER = (518, 2962, 29918, 974, 29918, 5679, 29962)
"""Its ids in YuE's own tokenizer."""


class Role(IntEnum):
    """The part a token plays. Values are 0..17 without a gap: tables are indexed by them."""

    TEXT = 0
    """Instruction, genres, lyrics and the segment markers."""
    SPECIAL = 1
    """Control ids: start and end of audio, separators, stages, end of document."""
    VOCAL = 2
    """A code of the vocal track, where two tracks take turns."""
    INSTRUMENTAL = 3
    """A code of the instrumental track, where two tracks take turns."""
    PROMPT = 4
    """A code of the reference audio, which is given and not predicted."""
    CONTEXT = 5
    """What a further piece of a long song repeats so that it stays in view; not predicted."""
    CODEBOOK_0 = 6
    """A code of codebook 0 of a track that is written alone (layouts mix and stage2)."""
    CODEBOOK_1 = 7
    CODEBOOK_2 = 8
    CODEBOOK_3 = 9
    CODEBOOK_4 = 10
    CODEBOOK_5 = 11
    CODEBOOK_6 = 12
    CODEBOOK_7 = 13
    CODEBOOK_8 = 14
    CODEBOOK_9 = 15
    CODEBOOK_10 = 16
    CODEBOOK_11 = 17

    @property
    def title(self) -> str:
        """Its name as users write it, ``codebook_0``."""
        return self.name.lower()


CODEBOOKS = tuple(role for role in Role if role >= Role.CODEBOOK_0)
"""The roles of the codebooks, in order."""

PREDICTED = (Role.VOCAL, Role.INSTRUMENTAL, *CODEBOOKS)
"""The roles of codes that a model is to say by itself."""

LEARNABLE = (Role.TEXT, Role.SPECIAL, *PREDICTED)
"""The roles that a recipe may learn (``train.loss_on``); the others are given."""


@dataclass(frozen=True)
class Shape:
    """The form of documents: what their ids follow.

    Attributes:
        codec: The ids of the codebooks that they carry.
        lanes: Tracks that take turns in a section.
        prompt_lanes: The same of the reference audio.
        is_stage2: Whether the blocks of codes are chunks of stage 2.
        reference_marker: Ids of ``[start_of_reference]`` in the tokenizer that was used.
    """

    codec: CodecRange
    lanes: int = 2
    prompt_lanes: int = 2
    is_stage2: bool = False
    reference_marker: tuple[int, ...] = YUE_REFERENCE_MARKER

    @classmethod
    def of(cls, codec: CodecRange, options: Options, reference_marker: tuple[int, ...]) -> Self:
        """Return the form that options give.

        Args:
            codec: The ids of the codebooks that documents carry.
            options: How rows became documents.
            reference_marker: Ids of ``[start_of_reference]``.
        """
        is_stage2 = options.layout_facts.stage == 2
        return cls(codec, options.lanes, options.prompt_lanes, is_stage2, reference_marker)

    @classmethod
    def guess(cls, codec: CodecRange, tokens: npt.NDArray[np.integer]) -> Self:
        """Guess the form of a document that another program wrote: stage 2, or two tracks."""
        is_stage2 = bool((tokens == STAGE_1).any())
        books = codec.stage2_codebooks if is_stage2 else codec.stage1_codebooks
        return cls(codec.first(books), 1 if is_stage2 else 2, 1, is_stage2)

    @property
    def opening(self) -> tuple[int, ...]:
        """The ids of a block between ``<SOA>`` and the first code."""
        return (STAGE_1,) if self.is_stage2 else self.codec.separators

    @property
    def frame(self) -> int:
        """Ids of a frame in a section."""
        return self.lanes * self.codec.codebooks

    def roles(self, tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """Return the role of every token of a document, uint8, shape (N,)."""
        marker = self.reference_marker
        return roles_of(tokens, self.codec, lanes=self.lanes, reference_marker=marker)


def roles_of(
    tokens: npt.NDArray[np.integer],
    codec: CodecRange,
    *,
    lanes: int = 2,
    reference_marker: tuple[int, ...] = YUE_REFERENCE_MARKER,
) -> npt.NDArray[np.uint8]:
    """Return the role of every token.

    A block of codes is between ``<SOA>`` and ``<EOA>``. In a block after the reference marker all
    codes are prompt. Of two lanes, codes are vocal at even and instrumental at odd places, counted
    from the block's first code. Of one lane, and in a block of stage 2, they are those of their
    codebooks. A code outside any block is a control id.

    Args:
        tokens: Ids of one document, or of several in a row, shape (N,).
        codec: The codec of its codes.
        lanes: Tracks that take turns in a block, 2 or 1.
        reference_marker: Ids of ``[start_of_reference]`` in the tokenizer that was used.

    Returns:
        :class:`Role` values, uint8, shape (N,).
    """
    roles = np.where(tokens < TEXT_SIZE, Role.TEXT, Role.SPECIAL).astype(np.uint8)
    starts = np.flatnonzero(tokens == SOA)
    if not len(starts):
        return roles
    block = np.cumsum(tokens == SOA)  # 1-based number of the block a token lies in or after
    in_block = is_code(tokens, codec)
    in_block &= block > np.cumsum(tokens == EOA)
    codes_so_far = np.cumsum(in_block)
    codes_before_block = np.concatenate([[0], codes_so_far[starts]])
    place = codes_so_far - codes_before_block[block] - 1  # 0 at the first code of a block
    roles[in_block & (place % 2 == 0)] = Role.VOCAL
    roles[in_block & (place % 2 == 1)] = Role.INSTRUMENTAL
    alone = in_block & _spread_blocks(block, _find_stage2(tokens, starts) | (lanes == 1))
    roles[alone] = Role.CODEBOOK_0 + codebooks_of(tokens[alone], codec)
    roles[in_block & _spread_blocks(block, _find_prompts(tokens, starts, reference_marker))] = (
        Role.PROMPT
    )
    return roles


def is_code(tokens: npt.NDArray[np.integer], codec: CodecRange) -> npt.NDArray[np.bool_]:
    """Return which tokens are codes of a codec, shape (N,)."""
    return (tokens >= codec.offset) & (tokens < codec.end)


def codebooks_of(codes: npt.NDArray[np.integer], codec: CodecRange) -> npt.NDArray[np.uint8]:
    """Return the codebook of every id of the codec, uint8, shape (N,)."""
    books: npt.NDArray[np.intp] = np.searchsorted(codec.offsets, codes, side="right") - 1
    return books.astype(np.uint8)


def codes_of(
    ids: npt.NDArray[np.integer], codec: CodecRange
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the codebook and the code of every id of the codec, each shape (N,)."""
    books = codebooks_of(ids, codec)
    return books, ids - np.array(codec.offsets)[books]


def _spread_blocks(
    block: npt.NDArray[np.integer], is_so: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return for every token what is so of its block; nothing is of tokens before the first."""
    of_token: npt.NDArray[np.bool_] = np.concatenate([[False], is_so])[block]
    return of_token


def _find_stage2(
    tokens: npt.NDArray[np.integer], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = tokens[np.minimum(starts + 1, len(tokens) - 1)] == STAGE_1
    return found


def _find_prompts(
    tokens: npt.NDArray[np.integer], starts: npt.NDArray[np.intp], marker: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Return which of the ``<SOA>`` positions come right after the marker."""
    found = starts >= len(marker)
    for place, token in enumerate(marker):
        found &= tokens[np.maximum(starts - len(marker) + place, 0)] == token
    return found

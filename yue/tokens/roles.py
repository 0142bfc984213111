"""What each token of a document is for, from the ids alone."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from yue.tokens.vocabulary import EOA, SOA, TEXT_SIZE, CodecRange

REFERENCE_MARKER = "[start_of_reference]"
"""The text before the reference audio of a document; not a control id."""

YUE_REFERENCE_MARKER = (518, 2962, 29918, 974, 29918, 5679, 29962)
"""Its ids in YuE's own tokenizer."""


class Role(IntEnum):
    """The part a token plays."""

    TEXT = 0
    """Instruction, genres, lyrics and the segment markers."""
    SPECIAL = 1
    """Control ids: start and end of audio, separators, end of document."""
    VOCAL = 2
    """A code of the vocal lane."""
    INSTRUMENTAL = 3
    """A code of the instrumental lane."""
    PROMPT = 4
    """A code of the reference audio, which is given and not predicted."""
    CONTEXT = 5
    """What a further piece of a long song repeats so that it stays in view; not predicted."""


def roles_of(
    tokens: npt.NDArray[np.integer],
    codec: CodecRange,
    *,
    reference_marker: tuple[int, ...] = YUE_REFERENCE_MARKER,
) -> npt.NDArray[np.uint8]:
    """The role of every token.

    Codes between ``<SOA>`` and ``<EOA>`` are vocal at even and instrumental at odd positions,
    counted from the first code after ``<SOA>``; all are prompt in a block that follows the
    reference marker. A code outside any block is a control id.

    Args:
        tokens: Ids of one document, or of several in a row, shape (N,).
        codec: The codec of its codes.
        reference_marker: Ids of ``[start_of_reference]`` in the tokenizer that was used.

    Returns:
        :class:`Role` values, uint8, shape (N,).
    """
    roles = np.where(tokens < TEXT_SIZE, Role.TEXT, Role.SPECIAL).astype(np.uint8)
    starts = np.flatnonzero(tokens == SOA)
    if not len(starts):
        return roles
    block = np.cumsum(tokens == SOA)  # 1-based number of the block a token lies in or after
    is_code = (tokens >= codec.offset) & (tokens < codec.end)
    is_code &= block > np.cumsum(tokens == EOA)
    codes_so_far = np.cumsum(is_code)
    codes_before_block = np.concatenate([[0], codes_so_far[starts]])
    place = codes_so_far - codes_before_block[block] - 1  # 0 at the first code of a block
    roles[is_code & (place % 2 == 0)] = Role.VOCAL
    roles[is_code & (place % 2 == 1)] = Role.INSTRUMENTAL
    is_prompt = np.concatenate([[False], _follow_marker(tokens, starts, reference_marker)])
    roles[is_code & is_prompt[block]] = Role.PROMPT
    return roles


def _follow_marker(
    tokens: npt.NDArray[np.integer], starts: npt.NDArray[np.intp], marker: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    """Which of the ``<SOA>`` positions come right after the marker."""
    found = starts >= len(marker)
    for place, token in enumerate(marker):
        found &= tokens[np.maximum(starts - len(marker) + place, 0)] == token
    return found

"""Describe a document as a reader of music sees it: header, sections and times, what is odd."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from yue.dataset.token_files import Ids, TokenFiles
from yue.tokens.document_faults import Fault, document_faults
from yue.tokens.roles import PREDICTED, Role, Shape
from yue.tokens.text_tokenizer import TextTokenizer


@dataclass(frozen=True)
class SequenceView:
    """One sequence of a document.

    Attributes:
        kind: ``header``, ``section``, or ``chunk`` of stage 2.
        start: Its first token in the document.
        stop: One past its last.
        text: Its text before the first control id, None where no tokenizer was given.
        after: Its text after the last code.
        seconds: From where to where its codes sound, the document's sections being played one
            after the other; None without codes or a frame rate.
        roles: How many tokens of each role.
        learnt: How many tokens the loss counts.
    """

    kind: str
    start: int
    stop: int
    text: str | None
    after: str | None
    seconds: tuple[float, float] | None
    roles: dict[str, int]
    learnt: int


@dataclass(frozen=True)
class DocumentView:
    """One document.

    Attributes:
        number: Its place in the files.
        song_id: Its song.
        tokens: The ids.
        roles: The role of each, as users write it.
        learnt: Whether the loss counts it; the first token of a document never is.
        sequences: The header, then the sections.
        faults: Everything odd.
    """

    number: int
    song_id: str
    tokens: tuple[int, ...]
    roles: tuple[str, ...]
    learnt: tuple[bool, ...]
    sequences: tuple[SequenceView, ...]
    faults: tuple[Fault, ...]


def describe(
    files: TokenFiles,
    document: int,
    tokenizer: TextTokenizer | None = None,
    *,
    loss_on: Collection[Role] = (),
) -> DocumentView:
    """Describe one document.

    Args:
        files: The token files.
        document: Which.
        tokenizer: The tokenizer with which they were written, to turn ids back to text.
        loss_on: Roles that the loss counts.

    Raises:
        TokenFileError: The document cannot be read. Odd ids are no error here, they are shown.
    """
    tokens = files.raw_document(document)
    shape = files.info.shape(tokens)
    roles = shape.roles(tokens)
    learnt = np.isin(roles, list(loss_on))
    learnt[:1] = False
    clock = Fraction(0)
    sequences = []
    ends = np.cumsum([0, *files.sequence_lengths(document)], dtype=np.int64).tolist()
    for start, stop in pairwise(ends):
        part = roles[start:stop]
        counts = {role.title: int((part == role).sum()) for role in Role}
        seconds = None
        frames = _count_frames(part, shape)
        if frames and shape.codec.frame_rate:
            begin, clock = clock, clock + frames / shape.codec.frame_rate
            seconds = float(begin), float(clock)
        sequences.append(
            SequenceView(
                kind=_sequence_kind(part, shape, is_first=start == 0),
                start=start,
                stop=stop,
                text=_decode_run(tokenizer, tokens[start:stop], part, 0),
                after=_decode_run(tokenizer, tokens[start:stop], part, -1),
                seconds=seconds,
                roles={name: count for name, count in counts.items() if count},
                learnt=int(learnt[start:stop].sum()),
            )
        )
    return DocumentView(
        number=document,
        song_id=files.info.song_ids[document],
        tokens=tuple(tokens.tolist()),
        roles=tuple(Role(role).title for role in roles.tolist()),
        learnt=tuple(learnt.tolist()),
        sequences=tuple(sequences),
        faults=tuple(document_faults(tokens, shape)),
    )


def _sequence_kind(roles: npt.NDArray[np.uint8], shape: Shape, *, is_first: bool) -> str:
    if is_first and not np.isin(roles, PREDICTED).any():
        return "header"
    return "chunk" if shape.is_stage2 else "section"


def _count_frames(roles: npt.NDArray[np.uint8], shape: Shape) -> int:
    """Count the frames of codes of a sequence."""
    if shape.lanes == 2:
        count = max(int((roles == role).sum()) for role in (Role.VOCAL, Role.INSTRUMENTAL))
        return count // shape.codec.codebooks
    # Codebook 0 may be there twice in a chunk of stage 2.
    return int((roles == (Role.CODEBOOK_1 if shape.is_stage2 else Role.CODEBOOK_0)).sum())


def _decode_run(
    tokenizer: TextTokenizer | None, tokens: Ids, roles: npt.NDArray[np.uint8], which: int
) -> str | None:
    """Decode the first (0) or the last (-1) run of text of a sequence, between other tokens."""
    if tokenizer is None:
        return None
    is_text = np.concatenate([[False], roles == Role.TEXT, [False]])
    edges = np.flatnonzero(is_text[1:] != is_text[:-1]).reshape(-1, 2)
    if not len(edges) or (which == -1 and len(edges) == 1):
        return ""
    start, stop = edges[which]
    return tokenizer.decode(tokens[start:stop])

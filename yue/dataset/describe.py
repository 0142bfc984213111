"""A document as a reader of music sees it: header, sections with their times, what is odd."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from yue.dataset.reader import Ids, TokenFiles
from yue.tokens.faults import Fault, document_faults
from yue.tokens.roles import Role, roles_of
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import codec_range


@dataclass(frozen=True)
class SequenceView:
    """One sequence of a document.

    Attributes:
        kind: ``header`` or ``section``.
        start: Its first token in the document.
        stop: One past its last.
        text: Its text before the first control id, None where no tokenizer was given.
        after: Its text after the last code.
        seconds: From where to where its codes sound, the document's sections being played one
            after the other; None without codes or a frame rate.
        roles: How many tokens of each role.
    """

    kind: str
    start: int
    stop: int
    text: str | None
    after: str | None
    seconds: tuple[float, float] | None
    roles: dict[str, int]


@dataclass(frozen=True)
class DocumentView:
    """One document.

    Attributes:
        number: Its place in the files.
        song_id: Its song.
        tokens: The ids.
        roles: The role of each, as its lower-case name.
        sequences: The header, then the sections.
        faults: Everything odd.
    """

    number: int
    song_id: str
    tokens: tuple[int, ...]
    roles: tuple[str, ...]
    sequences: tuple[SequenceView, ...]
    faults: tuple[Fault, ...]


def describe(
    files: TokenFiles, document: int, tokenizer: TextTokenizer | None = None
) -> DocumentView:
    """Describe one document.

    Args:
        files: The token files.
        document: Which.
        tokenizer: The tokenizer with which they were written, to turn ids back to text.

    Raises:
        TokenFileError: The document cannot be read. Odd ids are no error here, they are shown.
    """
    tokens = files.raw_document(document)
    codec = codec_range(files.info.codec.name)
    roles = roles_of(tokens, codec, reference_marker=files.info.reference_marker)
    clock = Fraction(0)
    sequences = []
    ends = np.cumsum([0, *files.sequence_lengths(document)], dtype=np.int64).tolist()
    for number, (start, stop) in enumerate(pairwise(ends)):
        part = roles[start:stop]
        counts = {role.name.lower(): int((part == role).sum()) for role in Role}
        seconds = None
        frames = max(counts["vocal"], counts["instrumental"])
        if frames and codec.frame_rate:
            begin, clock = clock, clock + frames / codec.frame_rate
            seconds = float(begin), float(clock)
        sequences.append(
            SequenceView(
                kind="section" if number else "header",
                start=start,
                stop=stop,
                text=_text(tokenizer, tokens[start:stop], part, 0),
                after=_text(tokenizer, tokens[start:stop], part, -1),
                seconds=seconds,
                roles={name: count for name, count in counts.items() if count},
            )
        )
    return DocumentView(
        number=document,
        song_id=files.info.song_ids[document],
        tokens=tuple(tokens.tolist()),
        roles=tuple(Role(role).name.lower() for role in roles.tolist()),
        sequences=tuple(sequences),
        faults=tuple(document_faults(tokens, codec)),
    )


def _text(
    tokenizer: TextTokenizer | None, tokens: Ids, roles: npt.NDArray[np.uint8], which: int
) -> str | None:
    """The first (0) or the last (-1) run of text of a sequence, between other tokens."""
    if tokenizer is None:
        return None
    is_text = np.concatenate([[False], roles == Role.TEXT, [False]])
    edges = np.flatnonzero(is_text[1:] != is_text[:-1]).reshape(-1, 2)
    if not len(edges) or (which == -1 and len(edges) == 1):
        return ""
    start, stop = edges[which]
    return tokenizer.decode(tokens[start:stop])

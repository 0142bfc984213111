"""A document: one song's token ids, and where its sequences end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.tokens.vocabulary import EOD

Ids = npt.NDArray[np.int32]

_END: Ids = np.array([EOD], dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Section:
    r"""One section of a song.

    Attributes:
        line_content: Its label and lyrics, ``"[verse]\nline\nline\n\n"``.
        ids: Its codes as ids, int32, shape (N,): of two tracks that take turns
            (:func:`~yue.tokens.layouts.audio.interleaved_ids`) or of one
            (:func:`~yue.tokens.layouts.audio.lane_ids`).
    """

    line_content: str
    ids: Ids


@dataclass(frozen=True, eq=False)
class Document:
    """One song as token ids.

    Attributes:
        tokens: int32, shape (N,).
        lengths: Tokens of each sequence; they add up to N. ``<EOD>`` ends the last.
    """

    tokens: Ids
    lengths: tuple[int, ...]

    @property
    def sequences(self) -> tuple[Ids, ...]:
        """The header and the sections apart, as views."""
        return tuple(np.split(self.tokens, np.cumsum(self.lengths[:-1]))) if self.lengths else ()


def document_of(sequences: Iterable[Sequence[Ids]]) -> Document:
    """Join the parts of each sequence, and end the last one with ``<EOD>``.

    Without sequences the document is empty, as upstream writes it.
    """
    found = [list(parts) for parts in sequences]
    if not found:
        return Document(_END[:0], ())
    found[-1].append(_END)
    return Document(
        np.concatenate([part for parts in found for part in parts]),
        tuple(sum(map(len, parts)) for parts in found),
    )

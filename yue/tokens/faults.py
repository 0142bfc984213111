"""What is odd about a document's ids: everything that no document of the CoT layout has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.tokens.vocabulary import EOA, EOD, SOA, TEXT_SIZE, CodecRange, token_name


@dataclass(frozen=True)
class Fault:
    """One odd thing.

    Attributes:
        token: Its place in the document.
        message: What is odd, in words.
    """

    token: int
    message: str


def document_faults(tokens: npt.NDArray[np.integer], codec: CodecRange) -> list[Fault]:
    """Everything odd in one document of the CoT layout, in the order of its places.

    Args:
        tokens: Ids of the whole document, shape (N,).
        codec: The codec of its codes.
    """
    if not len(tokens):
        return [Fault(0, "the document is empty")]
    found = [*_id_faults(tokens, codec), *_block_faults(tokens, codec), *_end_faults(tokens)]
    return sorted(found, key=lambda fault: fault.token)


def _id_faults(tokens: npt.NDArray[np.integer], codec: CodecRange) -> Iterator[Fault]:
    """Ids that are no text, no control of this layout and no code of codebook 0."""
    outside = (tokens < 0) | (tokens >= codec.rows)
    yield from _first(outside, tokens, f"outside the vocabulary 0..{codec.rows - 1}")
    other_book = (tokens >= codec.offset + codec.codebook_size) & (tokens < codec.end)
    yield from _first(other_book, tokens, "a code of another codebook than 0")
    control = np.isin(tokens, [SOA, EOA, EOD, *codec.separators])
    code = (tokens >= codec.offset) & (tokens < codec.end)
    strange = ~(outside | control | code | (tokens < TEXT_SIZE))
    yield from _first(strange, tokens, f"not an id of CoT documents with codec {codec.name}")


def _first(wrong: npt.NDArray[np.bool_], tokens: npt.NDArray[np.integer], why: str) -> list[Fault]:
    """One fault for all ids of a kind, at the first of them."""
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    token = int(tokens[places[0]])
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return [Fault(int(places[0]), f"id {token} {token_name(token)} is {why}{more}")]


def _block_faults(tokens: npt.NDArray[np.integer], codec: CodecRange) -> Iterator[Fault]:
    """Blocks of codes that are not ``<SOA>`` separator v0 i0 v1 i1 ... ``<EOA>``."""
    is_code = (tokens >= codec.offset) & (tokens < codec.end)
    outside = is_code.copy()
    marks = np.flatnonzero((tokens == SOA) | (tokens == EOA)).tolist()
    start: int | None = None
    for place in [*marks, len(tokens)]:
        at_end = place == len(tokens)
        if start is not None:
            stop = place
            if at_end or tokens[place] == SOA:
                yield Fault(start, "<SOA> without an <EOA> after it")
            yield from _inside_faults(tokens, is_code, range(start + 1, stop), codec)
            outside[start:stop] = False
        elif not at_end and tokens[place] == EOA:
            yield Fault(place, "<EOA> without an <SOA> before it")
        start = place if not at_end and tokens[place] == SOA else None
    yield from _first(outside, tokens, "a code outside any block of codes")
    if not is_code.any():
        yield Fault(0, "there are no codes in this document")


def _inside_faults(
    tokens: npt.NDArray[np.integer],
    is_code: npt.NDArray[np.bool_],
    inside: range,
    codec: CodecRange,
) -> Iterator[Fault]:
    """What is odd between an ``<SOA>`` and its ``<EOA>``."""
    count = len(codec.separators)
    head = tuple(tokens[inside.start : min(inside.start + count, inside.stop)].tolist())
    if head != codec.separators:
        names = "".join(map(token_name, codec.separators))
        yield Fault(inside.start, f"<SOA> is not followed by {names}")
        count = 0
    body = slice(inside.start + count, inside.stop)
    strangers = np.flatnonzero(~is_code[body])
    if count and len(strangers):
        place = body.start + int(strangers[0])
        yield Fault(place, f"{_name(int(tokens[place]))} among the codes of a block")
    codes = int(is_code[body].sum())
    if codes % 2:
        yield Fault(inside.start, f"{codes} codes in a block: an odd lane, one track is longer")
    if not codes:
        yield Fault(inside.start, "a block without codes")


def _name(token: int) -> str:
    return f"text id {token}" if 0 <= token < TEXT_SIZE else f"id {token} {token_name(token)}"


def _end_faults(tokens: npt.NDArray[np.integer]) -> Iterator[Fault]:
    last = len(tokens) - 1
    for place in np.flatnonzero(tokens[:last] == EOD).tolist():
        yield Fault(place, "<EOD> before the end of the document")
    if tokens[last] != EOD:
        yield Fault(last, "the document does not end in <EOD>")

"""What is odd about a document's ids: everything that no document of its layout has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.tokens.roles import Role, Shape, codebooks_of, is_code
from yue.tokens.vocabulary import EOA, EOD, SOA, STAGE_2, TEXT_SIZE, CodecRange, token_name

Ids = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Fault:
    """One odd thing.

    Attributes:
        token: Its place in the document.
        message: What is odd, in words.
    """

    token: int
    message: str


def document_faults(tokens: Ids, shape: Shape) -> list[Fault]:
    """Return everything odd in one document, in the order of its places.

    Args:
        tokens: Ids of the whole document, shape (N,).
        shape: What its layout writes.
    """
    if not len(tokens):
        return [Fault(0, "the document is empty")]
    found = [*_id_faults(tokens, shape), *_block_faults(tokens, shape), *_end_faults(tokens)]
    return sorted(found, key=lambda fault: fault.token)


def _id_faults(tokens: Ids, shape: Shape) -> Iterator[Fault]:
    """Find ids that are no text, no control id of this layout and no code that it carries."""
    codec = shape.codec
    outside = (tokens < 0) | (tokens >= codec.rows)
    yield from _first_fault(outside, tokens, f"outside the vocabulary 0..{codec.rows - 1}")
    middle = [STAGE_2] if shape.is_stage2 else []
    control = np.isin(tokens, [SOA, EOA, EOD, *shape.opening, *middle])
    strange = ~(outside | control | is_code(tokens, codec) | (tokens < TEXT_SIZE))
    carried = f"codebook{'s 0..' if codec.codebooks > 1 else ' '}{codec.codebooks - 1}"
    yield from _first_fault(
        strange, tokens, f"not an id of documents with {carried} of {codec.name}"
    )


def _first_fault(wrong: npt.NDArray[np.bool_], tokens: Ids, why: str) -> list[Fault]:
    """Return one fault for all ids of a kind, at the first of them."""
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    token = int(tokens[places[0]])
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return [Fault(int(places[0]), f"id {token} {token_name(token)} is {why}{more}")]


def _block_faults(tokens: Ids, shape: Shape) -> Iterator[Fault]:
    """Find blocks of codes that are not what the layout writes."""
    roles = shape.roles(tokens)
    in_codec = is_code(tokens, shape.codec)
    outside = in_codec.copy()
    marks = np.flatnonzero((tokens == SOA) | (tokens == EOA)).tolist()
    start: int | None = None
    for place in [*marks, len(tokens)]:
        at_end = place == len(tokens)
        if start is not None:
            if at_end or tokens[place] == SOA:
                yield Fault(start, "<SOA> without an <EOA> after it")
            yield from _inside_faults(tokens, roles, in_codec, range(start + 1, place), shape)
            outside[start:place] = False
        elif not at_end and tokens[place] == EOA:
            yield Fault(place, "<EOA> without an <SOA> before it")
        start = place if not at_end and tokens[place] == SOA else None
    yield from _first_fault(outside, tokens, "a code outside any block of codes")
    if not in_codec.any():
        yield Fault(0, "there are no codes in this document")


def _inside_faults(
    tokens: Ids,
    roles: npt.NDArray[np.uint8],
    in_codec: npt.NDArray[np.bool_],
    inside: range,
    shape: Shape,
) -> Iterator[Fault]:
    """Find what is odd between an ``<SOA>`` and its ``<EOA>``."""
    count = len(shape.opening)
    head = tuple(tokens[inside.start : min(inside.start + count, inside.stop)].tolist())
    if head != shape.opening:
        names = "".join(map(token_name, shape.opening))
        yield Fault(inside.start, f"<SOA> is not followed by {names}")
        count = 0
    body = slice(inside.start + count, inside.stop)
    middles = np.flatnonzero(tokens[body] == STAGE_2) if shape.is_stage2 else np.zeros(0, np.int64)
    strangers = np.setdiff1d(np.flatnonzero(~in_codec[body]), middles)
    if count and len(strangers):
        place = body.start + int(strangers[0])
        yield Fault(place, f"{_describe_token(int(tokens[place]))} among the codes of a block")
    codes = tokens[body][in_codec[body]]
    found = codebooks_of(codes, shape.codec)
    if not len(found):
        yield Fault(inside.start, "a block without codes")
        return
    if shape.is_stage2:
        yield from _chunk_faults(codes, found, middles, shape.codec, inside.start)
        return
    is_prompt = bool((roles[body] == Role.PROMPT).any())
    lanes = shape.prompt_lanes if is_prompt else shape.lanes
    turns = np.repeat(np.arange(shape.codec.codebooks), lanes)
    yield from _order_faults(found, turns, inside.start)


def _chunk_faults(
    codes: Ids,
    found: npt.NDArray[np.uint8],
    middles: npt.NDArray[np.integer],
    codec: CodecRange,
    place: int,
) -> Iterator[Fault]:
    """Find what is odd about the codes of a chunk, given the places of ``<stage_2>`` among them."""
    if len(middles) != 1:
        yield Fault(place, f"{len(middles)} times <stage_2> in a chunk")
        return
    frames = int(middles[0])
    again = codes[frames:][found[frames:] == 0]  # teacher forcing repeats codebook 0
    rest = np.arange(0 if len(again) else 1, codec.codebooks)
    yield from _order_faults(found, np.append(np.zeros(frames, int), np.tile(rest, frames)), place)
    if len(again) and not np.array_equal(again, codes[:frames]):
        yield Fault(place, "codebook 0 after <stage_2> differs from the one before it")


def _order_faults(
    found: npt.NDArray[np.uint8], turns: npt.NDArray[np.integer], place: int
) -> Iterator[Fault]:
    """Find codes that are not one or more whole rounds of the codebooks whose turn it is."""
    if not len(turns) or len(found) % len(turns):
        yield Fault(
            place,
            f"{len(found)} codes in a block: an odd lane, not a multiple of {len(turns)}",
        )
        return
    wrong = np.flatnonzero(found.reshape(-1, len(turns)) != turns)
    if len(wrong):
        first = int(wrong[0])
        yield Fault(
            place,
            f"code {first} of the block is of codebook {found[first]}, where one of codebook "
            f"{turns[first % len(turns)]} belongs",
        )


def _describe_token(token: int) -> str:
    return f"text id {token}" if 0 <= token < TEXT_SIZE else f"id {token} {token_name(token)}"


def _end_faults(tokens: Ids) -> Iterator[Fault]:
    last = len(tokens) - 1
    for place in np.flatnonzero(tokens[:last] == EOD).tolist():
        yield Fault(place, "<EOD> before the end of the document")
    if tokens[last] != EOD:
        yield Fault(last, "the document does not end in <EOD>")

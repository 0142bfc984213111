"""What is odd about a document's ids: everything that no document of its layout has.

What the documents of some token files look like, as far as their ids must follow it.

What is odd about a document's ids: everything that no document of its layout has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from yue.tokens.options import Options
from yue.tokens.roles import YUE_REFERENCE_MARKER, Role, codebooks_of, roles_of
from yue.tokens.vocabulary import EOA, EOD, SOA, STAGE_1, STAGE_2, TEXT_SIZE, CodecRange, token_name


@dataclass(frozen=True)
class Shape:
    """The form of documents.

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
        """The form that options give.

        Args:
            codec: The ids of the codebooks that documents carry.
            options: How rows became documents.
            reference_marker: Ids of ``[start_of_reference]``.
        """
        is_stage2 = options.layout_facts.stage == 2
        return cls(codec, options.lanes, options.prompt_lanes, is_stage2, reference_marker)

    @classmethod
    def guess(cls, codec: CodecRange, tokens: npt.NDArray[np.integer]) -> Self:
        """The form of a document that another program wrote: stage 2, or two tracks."""
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
        """The role of every token of a document, shape (N,)."""
        marker = self.reference_marker
        return roles_of(tokens, self.codec, lanes=self.lanes, reference_marker=marker)


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
    """Everything odd in one document, in the order of its places.

    Args:
        tokens: Ids of the whole document, shape (N,).
        shape: What its layout writes.
    """
    if not len(tokens):
        return [Fault(0, "the document is empty")]
    found = [*_id_faults(tokens, shape), *_block_faults(tokens, shape), *_end_faults(tokens)]
    return sorted(found, key=lambda fault: fault.token)


def _id_faults(tokens: Ids, shape: Shape) -> Iterator[Fault]:
    """Ids that are no text, no control id of this layout and no code that it carries."""
    codec = shape.codec
    outside = (tokens < 0) | (tokens >= codec.rows)
    yield from _first(outside, tokens, f"outside the vocabulary 0..{codec.rows - 1}")
    middle = [STAGE_2] if shape.is_stage2 else []
    control = np.isin(tokens, [SOA, EOA, EOD, *shape.opening, *middle])
    strange = ~(outside | control | _is_code(tokens, codec) | (tokens < TEXT_SIZE))
    carried = f"codebook{'s 0..' if codec.codebooks > 1 else ' '}{codec.codebooks - 1}"
    yield from _first(strange, tokens, f"not an id of documents with {carried} of {codec.name}")


def _is_code(tokens: Ids, codec: CodecRange) -> npt.NDArray[np.bool_]:
    return (tokens >= codec.offset) & (tokens < codec.end)


def _first(wrong: npt.NDArray[np.bool_], tokens: Ids, why: str) -> list[Fault]:
    """One fault for all ids of a kind, at the first of them."""
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    token = int(tokens[places[0]])
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return [Fault(int(places[0]), f"id {token} {token_name(token)} is {why}{more}")]


def _block_faults(tokens: Ids, shape: Shape) -> Iterator[Fault]:
    """Blocks of codes that are not what the layout writes."""
    roles = shape.roles(tokens)
    is_code = _is_code(tokens, shape.codec)
    outside = is_code.copy()
    marks = np.flatnonzero((tokens == SOA) | (tokens == EOA)).tolist()
    start: int | None = None
    for place in [*marks, len(tokens)]:
        at_end = place == len(tokens)
        if start is not None:
            if at_end or tokens[place] == SOA:
                yield Fault(start, "<SOA> without an <EOA> after it")
            yield from _inside_faults(tokens, roles, is_code, range(start + 1, place), shape)
            outside[start:place] = False
        elif not at_end and tokens[place] == EOA:
            yield Fault(place, "<EOA> without an <SOA> before it")
        start = place if not at_end and tokens[place] == SOA else None
    yield from _first(outside, tokens, "a code outside any block of codes")
    if not is_code.any():
        yield Fault(0, "there are no codes in this document")


def _inside_faults(
    tokens: Ids,
    roles: npt.NDArray[np.uint8],
    is_code: npt.NDArray[np.bool_],
    inside: range,
    shape: Shape,
) -> Iterator[Fault]:
    """What is odd between an ``<SOA>`` and its ``<EOA>``."""
    count = len(shape.opening)
    head = tuple(tokens[inside.start : min(inside.start + count, inside.stop)].tolist())
    if head != shape.opening:
        names = "".join(map(token_name, shape.opening))
        yield Fault(inside.start, f"<SOA> is not followed by {names}")
        count = 0
    body = slice(inside.start + count, inside.stop)
    middles = np.flatnonzero(tokens[body] == STAGE_2) if shape.is_stage2 else np.zeros(0, np.int64)
    strangers = np.setdiff1d(np.flatnonzero(~is_code[body]), middles)
    if count and len(strangers):
        place = body.start + int(strangers[0])
        yield Fault(place, f"{_name(int(tokens[place]))} among the codes of a block")
    codes = tokens[body][is_code[body]]
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
    """What is odd about the codes of a chunk, given the places of ``<stage_2>`` among them."""
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
    """Codes that are not one or more whole rounds of the codebooks whose turn it is."""
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


def _name(token: int) -> str:
    return f"text id {token}" if 0 <= token < TEXT_SIZE else f"id {token} {token_name(token)}"


def _end_faults(tokens: Ids) -> Iterator[Fault]:
    last = len(tokens) - 1
    for place in np.flatnonzero(tokens[:last] == EOD).tolist():
        yield Fault(place, "<EOD> before the end of the document")
    if tokens[last] != EOD:
        yield Fault(last, "the document does not end in <EOD>")

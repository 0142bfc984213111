"""Ids back to codes, for every layout."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from yue.errors import TokenFileError
from yue.tokens.roles import Shape
from yue.tokens.vocabulary import EOA, SOA, SPECIALS, STAGE_2, TEXT_SIZE, CodecRange

_FIRST_CODE = TEXT_SIZE + len(SPECIALS)  # of any codec

Ids = npt.NDArray[np.integer]
Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class AudioBlock:
    """The codes of one block.

    Attributes:
        start: The place of its ``<SOA>`` in the document.
        is_prompt: Whether it is the reference audio.
        lanes: Of each track that takes turns (vocal, then instrumental), or of the track alone,
            its codes, int16, shape (K, T).
    """

    start: int
    is_prompt: bool
    lanes: tuple[Codes, ...]


def audio_blocks(tokens: Ids, shape: Shape) -> list[AudioBlock]:
    """The codes of a document, block by block: the opposite of every layout.

    Args:
        tokens: Ids of the document, shape (N,).
        shape: What its layout writes.

    Raises:
        TokenFileError: A block is not what a layout writes; with its place.
    """
    blocks = []
    marks = np.flatnonzero((tokens == SOA) | (tokens == EOA)).tolist()
    for start, stop in pairwise([*marks, len(tokens)]):
        body = tokens[start + 1 : stop]
        if tokens[start] == EOA or not (body >= _FIRST_CODE).any():
            continue  # upstream lets lyrics say <SOA>; that is no block
        if stop == len(tokens) or tokens[stop] == SOA:
            raise _odd(start, "<SOA> without an <EOA> after it")
        marker = shape.reference_marker
        is_prompt = tuple(tokens[max(0, start - len(marker)) : start].tolist()) == marker
        count = len(shape.opening)
        if tuple(body[:count].tolist()) != shape.opening:
            raise _odd(start, "<SOA> is not followed by what the layout puts there")
        if shape.is_stage2:
            found: tuple[Codes, ...] = (_stage2(body[count:], shape.codec, start),)
        else:
            lanes = shape.prompt_lanes if is_prompt else shape.lanes
            found = _turns(body[count:], shape.codec, lanes, start)
        blocks.append(AudioBlock(start, is_prompt, found))
    return blocks


def _turns(ids: Ids, codec: CodecRange, lanes: int, start: int) -> tuple[Codes, ...]:
    if len(ids) % (lanes * codec.codebooks):
        raise _odd(start, f"{len(ids)} ids for {lanes} tracks of {codec.codebooks} codebooks each")
    frames = ids.reshape(-1, codec.codebooks, lanes)
    return tuple(_codes(frames[:, :, lane].T, codec, start) for lane in range(lanes))


def _stage2(body: Ids, codec: CodecRange, start: int) -> Codes:
    middles = np.flatnonzero(body == STAGE_2)
    if len(middles) != 1:
        raise _odd(start, f"{len(middles)} times <stage_2> in a chunk")
    frames = int(middles[0])
    first, rest = body[:frames], body[frames + 1 :]
    books = codec.codebooks
    if len(rest) == frames * books:  # teacher forcing repeats codebook 0
        codes = rest.reshape(frames, books).T
        if not np.array_equal(codes[0], first):
            raise _odd(start, "codebook 0 before <stage_2> differs from the one after it")
    elif len(rest) == frames * (books - 1):
        codes = np.concatenate([first[None], rest.reshape(frames, books - 1).T])
    else:
        raise _odd(start, f"{len(rest)} ids after <stage_2>, for {frames} frames before it")
    return _codes(codes, codec, start)


def _codes(ids: Ids, codec: CodecRange, start: int) -> Codes:
    """Ids (K, T) less their codebooks' offsets."""
    codes = ids.astype(np.int64) - np.array(codec.offsets)[:, None]
    if ((codes < 0) | (codes >= np.array(codec.sizes)[:, None])).any():
        raise _odd(start, "an id is no code of the codebook whose turn it is")
    narrow: Codes = codes.astype(np.int16)
    return narrow


def _odd(start: int, why: str) -> TokenFileError:
    return TokenFileError(f"the block of codes at token {start} is none", why=why)

"""The layout ``stage2``: codebook 0 of six seconds, then the codebooks that stage 2 adds.

::

    chunk  <SOA> <stage_1> k0 of all frames <stage_2> rest <EOA>
    rest   frame by frame, codebooks 1..K-1; with teacher forcing 0..K-1, as in YuE's inference
    end    <EOD>, appended to the last sequence

A chunk is exactly six seconds of one track (300 frames at 50 a second); what is left at the end of
a song belongs to no chunk. There is no text. Chunks with too little variety are left out. Source:
YuE v1, ``finetune`` (``--order stage2``) and ``inference/infer.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from yue.errors import SongError
from yue.rejections import Rejected, rejection
from yue.tokens.layouts.blocks import END, Codes, Document, Ids, document_of, lane_ids
from yue.tokens.row_reader import SongRow
from yue.tokens.track_codes import check_books
from yue.tokens.vocabulary import SOA, STAGE_1, STAGE_2, CodecRange

MIN_DISTINCT = 25
"""A chunk with fewer different codes of codebook 0 is silence, or broken."""

_SECONDS = 6
_OPENING = np.array([SOA, STAGE_1], dtype=np.int32)
_MIDDLE = np.array([STAGE_2], dtype=np.int32)


def chunk_frames(codec: CodecRange) -> int:
    """Return the frames of a chunk: six seconds, in whole frames and whole steps of the codec."""
    return floor(_SECONDS * (codec.frame_rate or 50)) // codec.align * codec.align


def distinct_codes(codes: Codes, frames: int) -> npt.NDArray[np.int64]:
    """Count the different codes of codebook 0 in each chunk.

    Args:
        codes: Shape (K, T).
        frames: Of a chunk.

    Returns:
        int64, shape (T // frames,).
    """
    chunks = np.sort(codes[0, : codes.shape[1] // frames * frames].reshape(-1, frames), axis=1)
    changes: npt.NDArray[np.int64] = np.count_nonzero(chunks[:, 1:] != chunks[:, :-1], axis=1)
    return changes + 1


def chunk_start_ids(first: Codes, codec: CodecRange) -> Ids:
    """Return a chunk up to its first frame after ``<stage_2>``; int32, shape (T + 3,).

    Args:
        first: Codes of codebook 0, integers, shape (T,).
        codec: The ids of its codes.
    """
    return np.concatenate([_OPENING, lane_ids(first, codec), _MIDDLE])


def document(chunks: Iterable[Codes], codec: CodecRange, *, teacher_forcing: bool) -> Document:
    """Lay out one whole track.

    Args:
        chunks: Codes of each chunk, integers, shape (K, T).
        codec: The ids of K codebooks.
        teacher_forcing: Whether ``rest`` repeats codebook 0.

    Raises:
        NativeError: A code is out of range, or K is another.
    """
    sequences = []
    for chunk in chunks:
        ids = lane_ids(chunk, codec).reshape(-1, codec.codebooks)
        rest = ids if teacher_forcing else ids[:, 1:]
        sequences.append([_OPENING, ids[:, 0], _MIDDLE, rest.reshape(-1), END])
    return document_of(sequences)


@dataclass(frozen=True, eq=False)
class Chunks:
    """The chunks of a track that are used.

    Attributes:
        codes: Of each, shape (K, frames).
        dropped: Those left out, with reasons.
    """

    codes: tuple[Codes, ...]
    dropped: tuple[Rejected, ...]


def used_chunks(row: SongRow, codes: Codes, codec: CodecRange, *, strict: bool) -> Chunks:
    """Cut a track into chunks. What is left at its end belongs to none, and is no loss.

    Args:
        row: The row.
        codes: Of the track, as stored, shape (K or more, T).
        codec: The ids of the K codebooks that documents carry.
        strict: Refuse the song for what upstream loses a chunk, and when it has no chunk.

    Raises:
        SongError: The song cannot be used.
    """
    if strict:
        check_books(codes, codec, row.place)
    frames = chunk_frames(codec)
    used, dropped = [], []
    for number, distinct in enumerate(distinct_codes(codes, frames).tolist()):
        start, end = number * frames, (number + 1) * frames
        place = f"{row.place}, frames {start}..{end}"
        chunk = codes[: codec.codebooks, start:end]
        try:
            if not strict:
                check_books(chunk, codec, place)
            if distinct < MIN_DISTINCT:
                raise SongError(
                    place,
                    why=f"{distinct} different codes of codebook 0; fewer than {MIN_DISTINCT} are "
                    "silence or a fault",
                    fix="nothing, if the song is silent there; else encode the track again",
                )
            used.append(chunk)
        except SongError as error:
            dropped.append(rejection(error, row.id))
    if not used and not dropped:
        why = f"its {codes.shape[1]} frames are less than a chunk of {frames}"
        dropped.append(Rejected(row.place, why, "use longer songs", row.id))
    if not used and strict:
        raise SongError(row.place, why=dropped[0].reason, fix=dropped[0].fix)
    return Chunks(tuple(used), tuple(dropped))

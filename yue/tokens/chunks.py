"""Which chunks of a track stage 2 learns from, and why others are left out."""

from __future__ import annotations

from dataclasses import dataclass

from yue.errors import SongError
from yue.rejections import Rejected, rejection
from yue.tokens.lanes import check_books
from yue.tokens.layouts.audio import Codes
from yue.tokens.layouts.stage2 import MIN_DISTINCT, chunk_frames, distinct_codes
from yue.tokens.rows import SongRow
from yue.tokens.vocabulary import CodecRange


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

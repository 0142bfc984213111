"""Which sections of a song are used, and why others are not.

Source of the rules: YuE v1, ``finetune``. ``compat`` says how far they are followed:

- ``upstream``: also where they lose data. A section is lost where the codes have another number of
  codebooks than the documents or the codec, or are out of range; a song that has lost all of them
  is written all the same.
- ``strict``: any number of codebooks that is enough, sections do not overlap and start and end
  where the codec can be cut, and a song without sections is no song.

Either way everything left out is named with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from yue.errors import SongError
from yue.rejections import Rejected, rejection
from yue.tokens.layouts.blocks import Codes
from yue.tokens.options import Options
from yue.tokens.row_reader import Segment, SongRow
from yue.tokens.track_codes import Lanes, check_codes
from yue.tokens.vocabulary import CodecRange, codec_range


@dataclass(frozen=True)
class Used:
    """The sections of a song that are used.

    Attributes:
        sections: Each with its frames.
        dropped: Those left out, with reasons.
    """

    sections: tuple[tuple[Segment, slice], ...]
    dropped: tuple[Rejected, ...]


def used_sections(row: SongRow, lanes: Lanes, options: Options) -> Used:
    """Choose the sections of a row.

    Raises:
        SongError: None can be used, and ``compat`` is strict.
    """
    used: list[tuple[Segment, slice]] = []
    dropped: list[Rejected] = []
    for number, segment in enumerate(row.segments, 1):
        place = f"{row.place}, section {number}"
        try:
            _check_range(segment, lanes, place)
            if options.strict:
                _check_order(segment, used, place)
                _check_length(segment, lanes, place)
                step = lanes.codec.align
                frames = slice(
                    *(snap_frame(f, lanes.frames, step) for f in (segment.start, segment.end))
                )
            else:
                _check_upstream(row, segment, lanes, options, place)
                frames = slice(segment.start, segment.end)
            used.append((segment, frames))
        except SongError as error:
            dropped.append(rejection(error, row.id))
    if not used and options.strict:
        raise SongError(
            row.place,
            why=f"none of its {len(row.segments)} sections can be used; the first: "
            f"{dropped[0].reason}",
            fix=dropped[0].fix,
        )
    return Used(tuple(used), tuple(dropped))


def snap_frame(frame: int, frames: int, step: int) -> int:
    """Return the nearest of 0, step, 2 * step ... that lies within 0..frames."""
    return min((frame + step // 2) // step, frames // step) * step


def check_upstream_codes(codes: Codes, codec: CodecRange, place: str) -> None:
    """Raise where upstream's conversion of codes (K, T) to ids would fail.

    Raises:
        SongError: The codebooks are neither as many as documents carry nor all of the codec, or a
            code is out of range, also one that is not used.
    """
    every = codec_range(codec.name).sizes
    if len(codes) not in (codec.codebooks, len(every)):
        wanted = " or ".join(map(str, sorted({codec.codebooks, len(every)})))
        raise SongError(
            place,
            why=f"upstream takes codes of {wanted} codebooks, not of {len(codes)}",
            fix="use compat: strict, which takes the first of any",
        )
    for row, size in zip(codes, every, strict=False):
        check_codes(row, size, codec, place)


def _check_range(segment: Segment, lanes: Lanes, place: str) -> None:
    if not 0 <= segment.start < segment.end <= lanes.frames:
        raise SongError(
            place,
            why=f"frames {segment.start}..{segment.end} do not lie within the song's "
            f"0..{lanes.frames}",
            fix="correct the section's times",
        )


def _check_order(segment: Segment, before: list[tuple[Segment, slice]], place: str) -> None:
    end = before[-1][0].end if before else 0
    if segment.start < end:
        raise SongError(
            place,
            why=f"it starts at frame {segment.start}, before the section before it ends ({end})",
            fix="correct the sections' times: each starts where the one before ends, or later",
        )


def _check_length(segment: Segment, lanes: Lanes, place: str) -> None:
    frames = segment.end - segment.start
    if frames < lanes.rate:
        raise SongError(
            place,
            why=f"{frames} frames are less than a second ({lanes.rate:.2f})",
            fix="join the section with its neighbour",
        )


def _check_upstream(
    row: SongRow, segment: Segment, lanes: Lanes, options: Options, place: str
) -> None:
    duration, rules = segment.duration, options.layout_facts.upstream
    if duration is None:
        raise SongError(place, why="'duration' is missing", fix="add 'duration' (a number)")
    if rules.measures_duration:
        if duration < 1:
            raise SongError(
                place,
                why=f"its 'duration' of {duration:g} s is less than a second",
                fix="join the section with its neighbour",
            )
    else:
        _check_length(segment, lanes, place)
    if rules.limits_duration and not 0 < duration <= row.seconds:
        raise SongError(
            place,
            why=f"its 'duration' of {duration:g} s is not within the song's {row.seconds:g} s",
            fix="correct the section's times",
        )
    for track in options.tracks[: options.lanes]:
        codes = lanes.tracks[track][:, segment.start : segment.end]
        check_upstream_codes(codes, lanes.codec, f"{place}, {track}")

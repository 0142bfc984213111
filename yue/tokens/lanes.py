"""A row's two tracks of codes and the sections cut from them: which are used, and why others not.

Source of the rules: YuE v1, ``finetune``, token-level interleave. ``compat`` says how far they are
followed:

- ``upstream``: also where they lose data. Codes of any number of codebooks but 1 and 12 lose
  every section of a song, and a song that has lost every section is still written as a header.
- ``strict``: any number of codebooks (codebook 0 is used), sections do not overlap, and a song
  without sections is no song.

Either way everything left out is named with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import SongError
from yue.tokens.layouts.cot import Section
from yue.tokens.rows import Rejected, Segment, SongRow
from yue.tokens.vocabulary import CodecRange

MAX_LANE_DIFFERENCE = 10
"""Frames by which two tracks of a song may differ; both are cut to the shorter."""

FRAME_RATE_TOLERANCE = 50
"""Measured frames a second may differ from the codec's by one part in this many (49..51 for 50)."""

COMPAT = ("strict", "upstream")
_UPSTREAM_CODEBOOKS = (1, 12)


@dataclass(frozen=True)
class SongSections:
    """What of a row is used.

    Attributes:
        sections: The sections with their codes, in order.
        dropped: The sections left out, with reasons.
    """

    sections: tuple[Section, ...]
    dropped: tuple[Rejected, ...]


@dataclass(frozen=True)
class _Lanes:
    vocal: npt.NDArray[Any]
    instrumental: npt.NDArray[Any]
    frame_rate: float  # measured: frames over the length of the audio
    fault: SongError | None  # why no code of this song can be used, though the row is well-formed


def song_sections(row: SongRow, root: Path, codec: CodecRange, compat: str) -> SongSections:
    """The sections of a row with their codes.

    Args:
        row: The row.
        root: Folder against which its paths are resolved.
        codec: The codec of its codes.
        compat: ``strict`` or ``upstream``.

    Raises:
        SongError: The row cannot be used.
    """
    lanes = _load_lanes(row, root, codec, compat)
    sections, dropped = [], []
    end = 0  # of the section before, where sections must not overlap
    for number, segment in enumerate(row.segments, 1):
        what = f"{row.place}, section {number}"
        fault = lanes.fault or _segment_fault(segment, lanes, end, what)
        if fault is not None:
            dropped.append(Rejected(what, fault.why, fault.fix, row.id))
            continue
        end = segment.end if compat == "strict" else 0
        frames = slice(segment.start, segment.end)
        sections.append(
            Section(segment.line_content, lanes.vocal[frames], lanes.instrumental[frames])
        )
    if not sections and compat == "strict":
        raise SongError(
            row.place,
            why=f"none of its {len(row.segments)} sections can be used; the first: "
            f"{dropped[0].reason}",
            fix=dropped[0].fix,
        )
    return SongSections(tuple(sections), tuple(dropped))


def _load_lanes(row: SongRow, root: Path, codec: CodecRange, compat: str) -> _Lanes:
    arrays = [_load(root, path, row.place) for path in (row.vocal, row.instrumental)]
    lengths = [array.shape[1] for array in arrays]
    if abs(lengths[0] - lengths[1]) > MAX_LANE_DIFFERENCE:
        raise SongError(
            row.place,
            why=f"the vocal track has {lengths[0]} frames and the instrumental {lengths[1]}; more "
            f"than {MAX_LANE_DIFFERENCE} apart",
            fix="encode both from stems of one length",
        )
    frames = min(lengths)
    rate = frames / row.seconds
    if codec.frame_rate is not None and not _is_close(rate, float(codec.frame_rate)):
        raise SongError(
            row.place,
            why=f"{frames} frames over {row.seconds:g} s are {rate:.2f} frames a second; codec "
            f"{codec.name} has {float(codec.frame_rate):g}",
            fix="correct 'audio_length_in_sec', or encode the audio again with this codec",
        )
    fault = _codes_fault(arrays, codec, row.place, compat)
    if fault is not None and compat == "strict":
        raise fault
    vocal, instrumental = (array[0, :frames] for array in arrays)
    return _Lanes(vocal, instrumental, rate, fault)


def _is_close(rate: float, expected: float) -> bool:
    return abs(rate - expected) <= expected / FRAME_RATE_TOLERANCE


def _load(root: Path, path: str, place: str) -> npt.NDArray[Any]:
    """Codes of one track, integers, shape (K, T).

    The file is read, not mapped: one that shrinks under a map kills the process. Messages name the
    path as the row does, so that the description of the files is the same on every machine.
    """
    try:
        with (root / path).open("rb") as stream:
            array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    except FileNotFoundError as error:
        raise SongError(
            place, why=f"{path}: no such file", fix="run `yue tokenize`, or correct the path"
        ) from error
    except OSError as error:
        raise SongError(
            place,
            why=f"{path}: cannot be read ({error.strerror})",
            fix="check the path and its permissions",
        ) from error
    except Exception as error:  # a damaged header raises whatever NumPy's parser runs into
        raise SongError(
            place, why=f"{path}: not a .npy array ({error})", fix="encode the track again"
        ) from error
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise SongError(
            place,
            why=f"{path}: {array.dtype} {array.shape}, not codes",
            fix="codes are integers of shape (codebooks, frames)",
        )
    if not array.size:
        raise SongError(
            place, why=f"{path}: no codes, shape {array.shape}", fix="encode the track again"
        )
    return array


def _codes_fault(
    arrays: list[npt.NDArray[Any]], codec: CodecRange, place: str, compat: str
) -> SongError | None:
    for array in arrays:
        books = array.shape[0]
        if compat == "upstream" and books not in _UPSTREAM_CODEBOOKS:
            return SongError(
                place,
                why=f"upstream takes codes of 1 or 12 codebooks, not of {books}",
                fix="use compat: strict, which uses codebook 0 of any",
            )
        row = array[0]
        low, high = int(row.min()), int(row.max())
        if low < 0 or high >= codec.codebook_size:
            worst = low if low < 0 else high
            return SongError(
                place,
                why=f"code {worst} is outside 0..{codec.codebook_size - 1}, the codes of "
                f"{codec.name}",
                fix=f"encode the track with {codec.name}, or name the codec it was encoded with",
            )
    return None


def _segment_fault(
    segment: Segment, lanes: _Lanes, previous_end: int, place: str
) -> SongError | None:
    frames = len(lanes.vocal)
    if not 0 <= segment.start < segment.end <= frames:
        return SongError(
            place,
            why=f"frames {segment.start}..{segment.end} do not lie within the song's 0..{frames}",
            fix="correct the section's times",
        )
    if segment.start < previous_end:
        return SongError(
            place,
            why=f"it starts at frame {segment.start}, before the section before it ends "
            f"({previous_end})",
            fix="correct the sections' times: each starts where the one before ends, or later",
        )
    if segment.end - segment.start < lanes.frame_rate:
        return SongError(
            place,
            why=f"{segment.end - segment.start} frames are less than a second "
            f"({lanes.frame_rate:.2f})",
            fix="join the section with its neighbour",
        )
    return None

"""The tracks of a row: their codes, of one length and at the codec's rate, as ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from yue.errors import NativeError, SongError
from yue.tokens.codes_file import CodesError, read_codes
from yue.tokens.layouts.blocks import Codes, Ids, interleaved_ids, lane_ids
from yue.tokens.options import Options
from yue.tokens.row_reader import SongRow
from yue.tokens.vocabulary import CodecRange

MAX_LANE_DIFFERENCE = 10
"""Frames by which two tracks of a song may differ; both are cut to the shorter."""

FRAME_RATE_TOLERANCE = 50
"""Measured frames a second may differ from the codec's by one part in this many (49..51 for 50)."""


@dataclass(frozen=True, eq=False)
class Lanes:
    """The tracks of a song.

    Attributes:
        tracks: By name (vocal, instrumental, mixture), the codes as stored, shape (K or more, T).
        frames: T, the length of the song; only the mixture of a prompt may have another.
        rate: Frames a second, measured.
        codec: The ids of the K codebooks that documents carry.
    """

    tracks: dict[str, Codes]
    frames: int
    rate: float
    codec: CodecRange

    def ids(self, names: Sequence[str], frames: slice) -> Ids:
        """Return codes of a track alone, or of two that take turns, as ids; int32, shape (N,).

        Raises:
            NativeError: A code is out of range.
        """
        whole = self._whole_ids.get(tuple(names))
        if whole is None:
            return self._convert(names, frames)
        width = len(names) * self.codec.codebooks
        return whole[frames.start * width : frames.stop * width]

    @cached_property
    def _whole_ids(self) -> dict[tuple[str, ...], Ids]:
        """The ids of all frames of what sections are made of: one conversion is faster than many.

        Nothing where codes are out of range, which costs upstream a section and not the song.
        """
        pair = [name for name in self.tracks if name != "mixture"] or ["mixture"]
        try:
            return {tuple(pair): self._convert(pair, slice(0, self.frames))}
        except NativeError:
            return {}

    def _convert(self, names: Sequence[str], frames: slice) -> Ids:
        codes = [self.tracks[name][: self.codec.codebooks, frames] for name in names]
        if len(codes) == 1:
            return lane_ids(codes[0], self.codec)
        vocal, instrumental = codes
        return interleaved_ids(vocal, instrumental, self.codec)


def load_lanes(row: SongRow, root: Path, codec: CodecRange, options: Options) -> Lanes:
    """Read the tracks of a row that its layout uses.

    Args:
        row: The row.
        root: Folder against which its paths are resolved.
        codec: The ids of the codebooks that documents carry.
        options: The layout and its rules.

    Raises:
        SongError: The row cannot be used.
    """
    tracks = {track: read_row_codes(root, row.codes[track], row.place) for track in options.tracks}
    first, *others = options.tracks
    frames = tracks[first].shape[1]
    for track in others:
        length = tracks[track].shape[1]
        if abs(length - frames) > MAX_LANE_DIFFERENCE:
            raise SongError(
                row.place,
                why=f"the {first} track has {frames} frames and the {track} {length}; more than "
                f"{MAX_LANE_DIFFERENCE} apart",
                fix="encode them from audio of one length",
            )
        if track != "mixture":  # which only lends a prompt
            frames = min(frames, length)
    if options.strict:
        for track, codes in tracks.items():
            check_books(codes, codec, f"{row.place}, {track}")
    lanes = Lanes(tracks, frames, frames / row.seconds, codec)
    if options.strict or options.layout_facts.upstream.checks_rate:
        _check_rate(row, lanes)
    return lanes


def read_row_codes(root: Path, path: str, place: str) -> Codes:
    """Read the codes of one track of a row, integers, shape (K, T), at least one code.

    Messages name the path as the row does, so that the description of the files is the same on
    every machine.

    Args:
        root: Folder against which the path is resolved.
        path: As the row gives it.
        place: The row, for messages.

    Raises:
        SongError: There is no such file, or it holds no codes.
    """
    try:
        return read_codes(root / path)
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
    except CodesError as error:
        raise SongError(place, why=f"{path}: {error}", fix=error.fix) from error


def check_books(codes: Codes, codec: CodecRange, place: str) -> None:
    """Check that a track has the codebooks that documents carry.

    Args:
        codes: Shape (K or more, T).
        codec: The ids of K codebooks.
        place: What the message names.

    Raises:
        SongError: There are fewer codebooks, or a code is out of range.
    """
    if len(codes) < codec.codebooks:
        raise SongError(
            place,
            why=f"{len(codes)} codebooks, and documents carry {codec.codebooks}",
            fix="set tokens.codebooks (--codebooks) to less, or encode the track with more",
        )
    for book, (row, size) in enumerate(zip(codes, codec.sizes, strict=False)):
        check_codes(row, size, codec, f"{place}, codebook {book}" if book else place)


def check_codes(codes: Codes, size: int, codec: CodecRange, place: str) -> None:
    """Check that codes are within their codebook.

    Raises:
        SongError: One is outside 0..size-1.
    """
    if not codes.size or (int(codes.min()) >= 0 and int(codes.max()) < size):
        return
    frame = int(np.argmax((codes < 0) | (codes >= size)))
    raise SongError(
        place,
        why=f"code {codes.flat[frame]} at frame {frame} is outside 0..{size - 1}, the codes of "
        f"{codec.name}",
        fix=f"encode the track with {codec.name}, or name the codec it was encoded with",
    )


def _check_rate(row: SongRow, lanes: Lanes) -> None:
    expected = lanes.codec.frame_rate
    if expected is None or abs(lanes.rate - expected) <= expected / FRAME_RATE_TOLERANCE:
        return
    raise SongError(
        row.place,
        why=f"{lanes.frames} frames over {row.seconds:g} s are {lanes.rate:.2f} frames a second; "
        f"codec {lanes.codec.name} has {float(expected):g}",
        fix="correct 'audio_length_in_sec', or encode the audio again with this codec",
    )

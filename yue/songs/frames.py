"""Sections in seconds to codec frames: all of the song, once, and none too short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from yue.errors import SongError
from yue.songs.timeline import Section


@dataclass(frozen=True)
class FrameSection:
    """A section in codec frames.

    Attributes:
        start: First frame.
        end: One past the last.
        label: Lower case, without brackets.
        lines: Its lyrics.
    """

    start: int
    end: int
    label: str
    lines: tuple[str, ...]

    @property
    def frames(self) -> int:
        """Its length."""
        return self.end - self.start


def shortest(rate: Fraction) -> int:
    """Frames of the shortest section: more than a second, however the rate is rounded later."""
    return math.floor(rate) + 1


def to_frames(sections: Sequence[Section], frames: int, rate: Fraction) -> tuple[FrameSection, ...]:
    """Sections that cover frames 0..``frames``; those under a second join a neighbour.

    Args:
        sections: In order, each ending where the next starts.
        frames: Length of the song.
        rate: Frames a second.

    Raises:
        SongError: The song itself is shorter than a section may be.
    """
    least = shortest(rate)
    if frames < least:
        raise SongError(
            f"{frames} frames", why=f"shorter than a second ({least} frames)",
            fix="remove the file, or raise convert.min_segment_length",
        )  # fmt: skip
    bounds = [0, *(_frame(section.start, frames, rate) for section in sections[1:]), frames]
    parts = [
        FrameSection(start, max(start, end), section.label, tuple(x.text for x in section.lines))
        for section, start, end in zip(sections, bounds, bounds[1:], strict=False)
    ]
    while len(parts) > 1:
        short = next((n for n, part in enumerate(parts) if part.frames < least), None)
        if short is None:
            break
        first = max(0, short - 1)  # join the one before, or the first with the second
        parts[first : first + 2] = [_join(parts[first], parts[first + 1])]
    return tuple(parts)


def _frame(seconds: float, frames: int, rate: Fraction) -> int:
    return min(frames, max(0, round(Fraction(seconds) * rate)))


def _join(first: FrameSection, second: FrameSection) -> FrameSection:
    """Both as one, under the label of the one with text, else of the longer."""
    if bool(first.lines) != bool(second.lines):
        named = first if first.lines else second
    else:
        named = first if first.frames >= second.frames else second
    return FrameSection(first.start, second.end, named.label, first.lines + second.lines)

"""A song's sections: in seconds, so that they cover it, and the same in codec frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from yue.errors import SongError

REST = 4.0
"""Seconds between sections (or before the first, after the last) that become one of their own."""

OPEN_END = math.inf
"""The end of a section of which only the start is known."""

MAX_REST = 30.0
"""Longest section without words, in seconds; longer ones are cut into equal parts."""

_LINE_COST = 12
"""A line weighs this and its number of characters: the breath after it."""


@dataclass(frozen=True)
class Span:
    """A stretch of time in seconds.

    Attributes:
        start: First moment.
        end: The moment after; above ``start``.
    """

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(frozen=True)
class TimedLine:
    """A line and when it starts, in seconds."""

    text: str
    at: float


@dataclass(frozen=True)
class Section:
    """A section in seconds.

    Attributes:
        start: Seconds.
        end: Seconds; :data:`OPEN_END` where a file gives none. Sections that cover a song have one.
        label: Lower case, without brackets.
        lines: In order of time.
    """

    start: float
    end: float
    label: str
    lines: tuple[TimedLine, ...] = ()


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


def spread(lines: Sequence[str], place: Callable[[float], float]) -> tuple[TimedLine, ...]:
    """Return lines with times in proportion to their length.

    Args:
        lines: The lines.
        place: Time in seconds at a share (0..1) of their section.
    """
    total, done, timed = weight(lines), 0.0, []
    for line in lines:
        timed.append(TimedLine(line, place(done / total)))
        done += weight([line])
    return tuple(timed)


def weight(lines: Sequence[str]) -> float:
    """Return how long lines take to sing, in a unit of its own."""
    return float(sum(len(line) + _LINE_COST for line in lines))


def even_lines(lines: Sequence[str], start: float, end: float) -> tuple[TimedLine, ...]:
    """Spread lines over a stretch of time."""
    return spread(lines, lambda share: start + share * (end - start))


def rest_sections(start: float, end: float, label: str) -> list[Section]:
    """Return a stretch without words as equal sections of at most :data:`MAX_REST`."""
    count = max(1, math.ceil((end - start) / MAX_REST))
    bounds = [start + (end - start) * part / count for part in range(count)] + [end]
    return [Section(a, b, label) for a, b in itertools.pairwise(bounds)]


def fill(sections: Sequence[Section], song: Span) -> tuple[Section, ...]:
    """Return sections that cover the song without a gap or an overlap.

    A gap of :data:`REST` or more becomes an ``[intro]``, ``[inst]`` or ``[outro]``; a shorter one
    goes to the section before it (at the start of the song to the first).

    Args:
        sections: Within the song, in order, without overlaps.
        song: The whole song.
    """
    if not sections:
        return tuple(rest_sections(song.start, song.end, "inst"))
    full: list[Section] = []
    for section in sections:
        end = full[-1].end if full else song.start
        if section.start - end >= REST:
            full += rest_sections(end, section.start, "inst" if full else "intro")
        elif full:
            full[-1] = replace(full[-1], end=section.start)
        else:
            section = replace(section, start=song.start)
        full.append(section)
    if song.end - full[-1].end >= REST:
        full += rest_sections(full[-1].end, song.end, "outro")
    else:
        full[-1] = replace(full[-1], end=song.end)
    return tuple(full)


def cut(sections: Sequence[Section], window: Span) -> tuple[Section, ...]:
    """Return what of a song's sections lies in a window, in seconds from the window's start.

    A line goes to the window in which it starts: of windows that cover the song, to exactly one.
    """
    return tuple(
        Section(
            start=max(section.start, window.start) - window.start,
            end=min(section.end, window.end) - window.start,
            label=section.label,
            lines=tuple(
                TimedLine(line.text, line.at - window.start)
                for line in section.lines
                if window.start <= _line_start(line, section) < window.end
            ),
        )
        for section in sections
        if section.start < window.end
        and (section.end > window.start or section.start >= window.start)
    )


def _line_start(line: TimedLine, section: Section) -> float:
    """Return when a line starts: in the middle of its section if it says a time outside of it."""
    inside = section.start <= line.at < section.end
    return line.at if inside else (section.start + section.end) / 2


def place_timed(
    sections: Sequence[Section], song: Span, singing: Sequence[Span]
) -> tuple[Section, ...]:
    """Cover the song with sections whose times are given.

    A section without an end goes on to the next one, or to the end of its singing when at least
    :data:`REST` seconds without singing follow that. Lines before the song's
    start (trimmed silence) begin with it; what begins after its end is left out.

    Args:
        sections: At least one, in order of their starts.
        song: The whole song.
        singing: Where there is singing; none when that is not known.

    Raises:
        SongError: All of them begin after the song's end.
    """
    placed = []
    for number, section in enumerate(sections):
        later = sections[number + 1].start if number + 1 < len(sections) else song.end
        limit = min(max(later, section.start), song.end)
        if section.start >= song.end:
            continue
        start = max(section.start, song.start)
        end = min(_find_end(section, limit, singing), limit)
        placed.append(Section(start, max(start, end), section.label, _lines_within(section, song)))
    if not placed:
        raise SongError(
            f"its first section begins at {sections[0].start:g} s",
            why=f"the song ends at {song.end:g} s",
            fix="give times in seconds from the start of the file",
        )
    return fill(placed, song)


def lines_after(sections: Sequence[Section], song: Span) -> int:
    """Return how many lines begin after the song's end."""
    return sum(line.at >= song.end for section in sections for line in section.lines)


def _find_end(section: Section, limit: float, singing: Sequence[Span]) -> float:
    if section.end < OPEN_END:
        return section.end
    begun = section.lines[-1].at if section.lines else section.start
    ends = [min(span.end, limit) for span in singing if span.start < limit and span.end > begun]
    return ends[-1] if ends and limit - ends[-1] >= REST else limit


def _lines_within(section: Section, song: Span) -> tuple[TimedLine, ...]:
    return tuple(
        TimedLine(line.text, max(line.at, song.start))
        for line in section.lines
        if line.at < song.end
    )


def least_frames(rate: Fraction) -> int:
    """Return the frames of the shortest section: over a second, however it is rounded."""
    return math.floor(rate) + 1


def to_frames(sections: Sequence[Section], frames: int, rate: Fraction) -> tuple[FrameSection, ...]:
    """Return sections that cover frames 0..``frames``; those under a second join a neighbour.

    Args:
        sections: In order, each ending where the next starts.
        frames: Length of the song.
        rate: Frames a second.

    Raises:
        SongError: The song itself is shorter than a section may be.
    """
    least = least_frames(rate)
    if frames < least:
        raise SongError(
            f"{frames} frames", why=f"shorter than a second ({least} frames)",
            fix="remove the file, or raise convert.min_segment_length",
        )  # fmt: skip
    bounds = [0, *(_frame_at(section.start, frames, rate) for section in sections[1:]), frames]
    parts = [
        FrameSection(start, max(start, end), section.label, tuple(x.text for x in section.lines))
        for section, start, end in zip(sections, bounds, bounds[1:], strict=False)
    ]
    while len(parts) > 1:
        short = next((n for n, part in enumerate(parts) if part.frames < least), None)
        if short is None:
            break
        first = max(0, short - 1)  # join the one before, or the first with the second
        parts[first : first + 2] = [_join_sections(parts[first], parts[first + 1])]
    return tuple(parts)


def _frame_at(seconds: float, frames: int, rate: Fraction) -> int:
    return min(frames, max(0, round(Fraction(seconds) * rate)))


def _join_sections(first: FrameSection, second: FrameSection) -> FrameSection:
    """Return both as one, under the label of the one with text, else of the longer."""
    if bool(first.lines) != bool(second.lines):
        named = first if first.lines else second
    else:
        named = first if first.frames >= second.frames else second
    return FrameSection(first.start, second.end, named.label, first.lines + second.lines)

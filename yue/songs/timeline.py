"""Sections in seconds that cover a song: the parts that every way of timing them shares."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from yue.songs.lrc import TimedLine

REST = 4.0
"""Seconds between sections (or before the first, after the last) that become one of their own."""

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
class Section:
    """A section on a song's timeline.

    Attributes:
        start: Seconds.
        end: Seconds.
        label: Lower case, without brackets.
        lines: In order of time.
    """

    start: float
    end: float
    label: str
    lines: tuple[TimedLine, ...] = ()


def spread(lines: Sequence[str], place: Callable[[float], float]) -> tuple[TimedLine, ...]:
    """Lines with times in proportion to their length.

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
    """How long lines take to sing, in a unit of its own."""
    return float(sum(len(line) + _LINE_COST for line in lines))


def even_lines(lines: Sequence[str], start: float, end: float) -> tuple[TimedLine, ...]:
    """Lines spread over a stretch of time."""
    return spread(lines, lambda share: start + share * (end - start))


def rests(start: float, end: float, label: str) -> list[Section]:
    """A stretch without words as equal sections of at most :data:`MAX_REST`."""
    count = max(1, math.ceil((end - start) / MAX_REST))
    bounds = [start + (end - start) * part / count for part in range(count)] + [end]
    return [Section(a, b, label) for a, b in itertools.pairwise(bounds)]


def fill(sections: Sequence[Section], song: Span) -> tuple[Section, ...]:
    """Sections that cover the song without a gap or an overlap.

    A gap of :data:`REST` or more becomes an ``[intro]``, ``[inst]`` or ``[outro]``; a shorter one
    goes to the section before it (at the start of the song to the first).

    Args:
        sections: Within the song, in order, without overlaps.
        song: The whole song.
    """
    if not sections:
        return tuple(rests(song.start, song.end, "inst"))
    full: list[Section] = []
    for section in sections:
        end = full[-1].end if full else song.start
        if section.start - end >= REST:
            full += rests(end, section.start, "inst" if full else "intro")
        elif full:
            full[-1] = replace(full[-1], end=section.start)
        else:
            section = replace(section, start=song.start)
        full.append(section)
    if song.end - full[-1].end >= REST:
        full += rests(full[-1].end, song.end, "outro")
    else:
        full[-1] = replace(full[-1], end=song.end)
    return tuple(full)


def cut(sections: Sequence[Section], window: Span) -> tuple[Section, ...]:
    """What of a song's sections lies in a window, in seconds from the window's start.

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
                if window.start <= _moment(line, section) < window.end
            ),
        )
        for section in sections
        if section.start < window.end
        and (section.end > window.start or section.start >= window.start)
    )


def _moment(line: TimedLine, section: Section) -> float:
    """When a line starts; one that does not start within its section counts as in its middle."""
    inside = section.start <= line.at < section.end
    return line.at if inside else (section.start + section.end) / 2

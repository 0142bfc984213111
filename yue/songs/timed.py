"""Lyrics with times (given sections, LRC) onto a song's timeline."""

from __future__ import annotations

from collections.abc import Sequence

from yue.errors import SongError
from yue.songs.lrc import TimedLine, TimedSection
from yue.songs.timeline import REST, Section, Span, fill


def place_timed(
    sections: Sequence[TimedSection], song: Span, singing: Sequence[Span]
) -> tuple[Section, ...]:
    """Cover the song with sections whose times are given.

    A section without an end goes on to the next one, or to the end of its singing when at least
    :data:`~yue.songs.timeline.REST` seconds without singing follow that. Lines before the song's
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
        end = min(_end(section, limit, singing), limit)
        placed.append(Section(start, max(start, end), section.label, _lines(section, song)))
    if not placed:
        raise SongError(
            f"its first section begins at {sections[0].start:g} s",
            why=f"the song ends at {song.end:g} s",
            fix="give times in seconds from the start of the file",
        )
    return fill(placed, song)


def lines_after(sections: Sequence[TimedSection], song: Span) -> int:
    """How many lines begin after the song's end."""
    return sum(line.at >= song.end for section in sections for line in section.lines)


def _end(section: TimedSection, limit: float, singing: Sequence[Span]) -> float:
    if section.end is not None:
        return section.end
    begun = section.lines[-1].at if section.lines else section.start
    ends = [min(span.end, limit) for span in singing if span.start < limit and span.end > begun]
    return ends[-1] if ends and limit - ends[-1] >= REST else limit


def _lines(section: TimedSection, song: Span) -> tuple[TimedLine, ...]:
    return tuple(
        TimedLine(line.text, max(line.at, song.start))
        for line in section.lines
        if line.at < song.end
    )

"""Times for lyrics that have none, from where there is singing and how long each text is.

Sung sections share the singing time in proportion to their characters and lines. A boundary
between two of them moves to the longest rest nearby. Sections without text (``[intro]``,
``[solo]``) take the rests between, before and after. The result is a good guess, never a
measurement: rows say so (``alignment: proportional``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from yue.songs.lyrics import LyricSection
from yue.songs.timeline import Section, Span, even_lines, fill, spread, weight

_NEARBY = 0.25  # of the shorter neighbour's singing time, how far a boundary may move to a rest
_NEARBY_WITH_TEXTLESS = 0.45  # the same where a section without text must find a rest
_SUNG_SHARE = 0.1  # of a stretch of a song without lyrics, to be called a verse


@dataclass(frozen=True)
class _Singing:
    """The singing time of a song as one axis, rests left out; positions are seconds of singing."""

    spans: tuple[Span, ...]

    @property
    def ends(self) -> list[float]:
        """Position at the end of each span."""
        return list(accumulate(span.seconds for span in self.spans))

    def time(self, position: float, *, late: bool) -> float:
        """Return the moment at a position; at a rest its end (``late``) or its start."""
        before = 0.0
        for span, end in zip(self.spans, self.ends, strict=True):
            if position < end or (position == end and not late):
                return span.start + position - before
            before = end
        return self.spans[-1].end

    def rest_near(self, position: float, reach: float) -> float:
        """Return the position of the longest rest within ``reach``, or ``position`` itself."""
        found = [
            (after.start - span.end, end)
            for span, after, end in zip(self.spans, self.spans[1:], self.ends, strict=False)
            if abs(end - position) <= reach
        ]
        return max(found)[1] if found else position


def estimate_sections(
    sections: Sequence[LyricSection], song: Span, singing: Sequence[Span]
) -> tuple[Section, ...]:
    """Cover the song with sections whose times are estimated.

    Args:
        sections: At least one.
        song: The whole song.
        singing: Where there is singing, in order, without overlaps; none when that is not known.
    """
    inside = tuple(
        Span(max(span.start, song.start), min(span.end, song.end))
        for span in singing
        if span.start < song.end and span.end > song.start
    )
    any_text = any(section.lines for section in sections)
    if not inside or not any_text:
        return fill(_place_by_weight(sections, song), song)
    return fill(_place_by_singing(sections, song, _Singing(inside)), song)


def single_section(sections: Sequence[LyricSection], song: Span) -> tuple[Section, ...]:
    """Make one section of all lines, under the label of the first section that has any."""
    texts = [section for section in sections if section.lines] or list(sections)
    lines = [line for section in texts for line in section.lines]
    return (Section(song.start, song.end, texts[0].label, even_lines(lines, song.start, song.end)),)


def textless_sections(song: Span, singing: Sequence[Span]) -> tuple[Section, ...]:
    """Make equal textless sections, ``[verse]`` where there is singing, ``[inst]`` elsewhere."""
    return tuple(
        Section(part.start, part.end, "verse" if _is_sung(part, singing) else "inst")
        for part in fill([], song)
    )


def _place_by_weight(sections: Sequence[LyricSection], song: Span) -> list[Section]:
    """Fill the song by length of text; textless sections are half as long as a mean one."""
    weights = [weight(section.lines) for section in sections]
    texts = [w for w in weights if w]
    textless = sum(texts) / len(texts) / 2 if texts else 1.0
    ends = list(accumulate(w or textless for w in weights))
    times = [song.start + song.seconds * end / ends[-1] for end in [0.0, *ends]]
    times[-1] = song.end
    return [
        Section(start, end, section.label, even_lines(section.lines, start, end))
        for section, start, end in zip(sections, times, times[1:], strict=False)
    ]


def _place_by_singing(
    sections: Sequence[LyricSection], song: Span, singing: _Singing
) -> list[Section]:
    bounds = _find_bounds(sections, singing)
    placed: list[Section] = []
    waiting: list[LyricSection] = []  # textless ones since the last sung one
    number = 0
    for section in sections:
        if not section.lines:
            waiting.append(section)
            continue
        first, last = bounds[number], bounds[number + 1]
        start = singing.time(first, late=True)
        placed += _share_rest(waiting, placed[-1].end if placed else song.start, start)
        lines = spread(
            section.lines,
            lambda share, a=first, b=last: singing.time(a + share * (b - a), late=True),  # type: ignore[misc]
        )
        placed.append(Section(start, singing.time(last, late=False), section.label, lines))
        waiting, number = [], number + 1
    return placed + _share_rest(waiting, placed[-1].end, song.end)


def _share_rest(sections: Sequence[LyricSection], start: float, end: float) -> list[Section]:
    """Place textless sections in equal parts of a rest; none where there is no rest."""
    if end <= start or not sections:
        return []
    step = (end - start) / len(sections)
    times = [start + step * number for number in range(len(sections))] + [end]
    return [
        Section(a, b, section.label)
        for section, a, b in zip(sections, times, times[1:], strict=False)
    ]


def _find_bounds(sections: Sequence[LyricSection], singing: _Singing) -> list[float]:
    """Return the positions at which the sung sections begin and end, one more than there are."""
    sung = [section for section in sections if section.lines]
    # Numbers of sung sections that follow a textless one.
    after_textless, count = set(), 0
    for section in sections:
        if section.lines:
            count += 1
        else:
            after_textless.add(count)
    total = singing.ends[-1]
    weights = [weight(section.lines) for section in sung]
    lengths = [total * w / sum(weights) for w in weights]
    ends = list(accumulate(lengths))
    bounds = [0.0]
    for number in range(1, len(sung)):
        share = _NEARBY_WITH_TEXTLESS if number in after_textless else _NEARBY
        reach = share * min(lengths[number - 1], lengths[number])
        bounds.append(singing.rest_near(ends[number - 1], reach))
    return [*bounds, total]


def _is_sung(part: Section, singing: Sequence[Span]) -> bool:
    sung = sum(max(0.0, min(span.end, part.end) - max(span.start, part.start)) for span in singing)
    return sung >= _SUNG_SHARE * (part.end - part.start)

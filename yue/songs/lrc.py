"""LRC: lyrics with the time of each line, and the same song's labelled lyrics.

LRC: lyrics with the time of each line.

``[mm:ss.xx]`` before a line, several for a line that is sung again; ``[offset:±ms]`` moves all
(positive: earlier); other ``[key:value]`` tags and word times ``<mm:ss.xx>`` are ignored; a time
without text (or with only a note sign) says that the singing pauses. A line that is only
``[label]`` starts a section. Files without labels are cut into stanzas at blank lines and pauses.

Labelled lyrics and an LRC of the same song as one: labels from the one, times from the other.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from yue.songs.lyrics import (
    clean_line,
    equal_parts,
    label_of,
    label_stanzas,
    parse_lyrics,
    words_of,
)

PAUSE = 4.0
"""Seconds without singing, after which a stanza without labels ends."""

LONG_LINE = 15.0
"""Seconds between the starts of two lines, after which a stanza without labels ends."""

_STAMP = re.compile(r"\s*\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]")
_TAG = re.compile(
    r"\s*\[(?:ar|al|ti|au|by|re|ve|lr|la|id|tool|length|encoding|offset|#)\s*:.*\]\s*", re.I
)
_OFFSET = re.compile(r"\s*\[offset\s*:\s*([+-]?\d{1,9})\s*\]\s*", re.I)
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")


@dataclass(frozen=True)
class TimedLine:
    """A line and when it starts, in seconds."""

    text: str
    at: float


@dataclass(frozen=True)
class TimedSection:
    """A section with times.

    Attributes:
        label: Lower case, without brackets.
        start: Seconds.
        end: Seconds, or None where the file does not say.
        lines: In order of time; may be empty.
    """

    label: str
    start: float
    end: float | None
    lines: tuple[TimedLine, ...]


@dataclass(frozen=True)
class _Entry:
    at: float
    text: str  # "" for a pause
    part: int  # which label or stanza of the file it belongs to
    opens: bool  # a label with a time of its own


@dataclass
class _Group:
    part: int
    start: float
    lines: list[TimedLine] = field(default_factory=list)
    end: float | None = None


def is_lrc(text: str) -> bool:
    """Whether any line starts with a time."""
    return any(_STAMP.match(line) for line in text.splitlines())


def has_labels(text: str) -> bool:
    """Whether an LRC text has lines that start a section."""
    return bool(_entries(text)[1])


def parse_lrc(text: str) -> tuple[TimedSection, ...]:
    """The sections of an LRC file in order of time; lines without a time are left out."""
    entries, labels = _entries(text)
    groups = _groups(entries, labelled=bool(labels))
    if labels:
        # Part 0 is what comes before the first label.
        return tuple(_section(group, ["verse", *labels][group.part]) for group in groups)
    stanzas = label_stanzas([[line.text for line in group.lines] for group in groups])
    return tuple(_section(group, s.label) for group, s in zip(groups, stanzas, strict=True))


def _section(group: _Group, label: str) -> TimedSection:
    return TimedSection(label, group.start, group.end, tuple(group.lines))


def _entries(text: str) -> tuple[list[_Entry], list[str]]:
    """Timed entries in order of time, and the labels of parts 1, 2, ... (none: stanzas)."""
    lines = [line for line in text.splitlines() if not _TAG.fullmatch(line)]
    offsets = [int(m[1]) for line in text.splitlines() if (m := _OFFSET.fullmatch(line))]
    shift = offsets[-1] / 1000 if offsets else 0.0
    parsed = [_split(line) for line in lines]
    labels = [label for _, rest in parsed if (label := label_of(rest))]
    blanks = not labels and not _double_spaced(lines)
    entries, part = [], 0
    for times, rest in parsed:
        label = label_of(rest)
        part += label is not None or (blanks and not times and not rest)
        text = "" if label else rest
        entries += [_Entry(max(0.0, time - shift), text, part, label is not None) for time in times]
    return sorted(entries, key=lambda entry: entry.at), labels


def _split(line: str) -> tuple[list[float], str]:
    """The times at the start of a line, in seconds, and the rest."""
    times, position = [], 0
    while match := _STAMP.match(line, position):
        times.append(int(match[1]) * 60 + float(match[2].replace(":", ".")))
        position = match.end()
    return times, clean_line(_WORD_TIME.sub("", line[position:])).strip("♪♫ ")


def _double_spaced(lines: Sequence[str]) -> bool:
    """Whether every line with text is followed by a blank one."""
    filled = [bool(line.strip()) for line in lines]
    return not any(a and b for a, b in itertools.pairwise(filled))


def _groups(entries: Sequence[_Entry], *, labelled: bool) -> list[_Group]:
    """Runs of entries of one part; without labels also cut at pauses and to a length."""
    groups: list[_Group] = []
    for entry in entries:
        current = groups[-1] if groups else None
        if not entry.text and not entry.opens:
            if current is not None and current.end is None:
                current.end = entry.at
            continue
        if (
            current is None
            or entry.opens
            or current.part != entry.part
            or (not labelled and _paused(current, entry.at))
        ):
            current = _Group(entry.part, entry.at)
            groups.append(current)
        if entry.text:
            current.lines.append(TimedLine(entry.text, entry.at))
            current.end = None  # a pause inside a section does not end it
    return groups if labelled else [part for group in groups for part in _cut(group)]


def _paused(group: _Group, at: float) -> bool:
    if group.end is not None and at - group.end >= PAUSE:
        return True
    return bool(group.lines) and at - group.lines[-1].at >= LONG_LINE


def _cut(group: _Group) -> list[_Group]:
    parts, position = [], 0
    for texts in equal_parts([line.text for line in group.lines]):
        lines = group.lines[position : position + len(texts)]
        parts.append(_Group(group.part, lines[0].at, lines))
        position += len(texts)
    if parts:
        parts[-1].end = group.end
    return parts


_LEAST_SHARE = 0.5  # of the lines with times that must be found in the lyrics


def merge_labels(lrc: str, lyrics: str) -> str | None:
    """An LRC text with the labels of labelled lyrics.

    Every line keeps its time and its LRC text. A line that the lyrics lack goes with the line
    before it. Labels without lines have no time and are left out: rests get theirs later.

    Args:
        lrc: Lines with times; labels of its own are kept, and nothing is merged.
        lyrics: Lyrics with ``[label]`` lines.

    Returns:
        The text, or None where there is nothing to merge, or they are not of one song.
    """
    if is_lrc(lyrics) or not is_lrc(lrc) or has_labels(lrc) or not has_labels(lyrics):
        return None
    stanzas = parse_lrc(lrc)
    timed = [line for stanza in stanzas for line in stanza.lines]
    sections = parse_lyrics(lyrics)
    owners = [number for number, section in enumerate(sections) for _ in section.lines]
    texts = [words_of(line) for section in sections for line in section.lines]
    matcher = SequenceMatcher(None, [words_of(line.text) for line in timed], texts, autojunk=False)
    found = {
        block.a + step: owners[block.b + step]
        for block in matcher.get_matching_blocks()
        for step in range(block.size)
    }
    if len(found) < _LEAST_SHARE * len(timed):
        return None
    pauses = [stanza.end for stanza in stanzas if stanza.end is not None]
    return _written(timed, found, [section.label for section in sections], pauses)


def _written(
    timed: list[TimedLine], found: dict[int, int], labels: list[str], pauses: list[float]
) -> str:
    current, rows = None, []
    first = min(found.values())
    for number, line in enumerate(timed):
        section = found.get(number, first if current is None else current)
        for pause in [at for at in pauses if at <= line.at]:
            pauses.remove(pause)
            rows.append(_stamp(pause))
        if section != current:
            rows.append(f"[{labels[section]}]")
            current = section
        rows.append(_stamp(line.at) + line.text)
    return "\n".join([*rows, *map(_stamp, pauses)]) + "\n"


def _stamp(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"[{minutes:02}:{rest // 1000:02}.{rest % 1000:03}]"

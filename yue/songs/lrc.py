"""LRC: lyrics with the time of each line, alone or with the labels of lyrics beside them.

``[mm:ss.xx]`` before a line, several for a line that is sung again; ``[offset:±ms]`` moves all
(positive: earlier); other ``[key:value]`` tags and word times ``<mm:ss.xx>`` are ignored; a time
without text (or with only a note sign) says that the singing pauses. A line that is only
``[label]`` starts a section. Files without labels are cut into stanzas at blank lines and pauses.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from yue.songs.lyrics import (
    LyricSection,
    clean_line,
    equal_parts,
    label_of,
    label_stanzas,
    parse_lyrics,
    words_of,
)
from yue.songs.timeline import OPEN_END, Section, TimedLine

PAUSE = 4.0
"""Seconds without singing, after which a stanza without labels ends."""

LONG_LINE = 15.0
"""Seconds between the starts of two lines, after which a stanza without labels ends."""

_LEAST_SHARE = 0.5  # of the lines with times that must be found in labelled lyrics
_STAMP = re.compile(r"\s*\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]")
_TAG = re.compile(
    r"\s*\[(?:ar|al|ti|au|by|re|ve|lr|la|id|tool|length|encoding|offset|#)\s*:.*\]\s*", re.I
)
_OFFSET = re.compile(r"\s*\[offset\s*:\s*([+-]?\d{1,9})\s*\]\s*", re.I)
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")


@dataclass(frozen=True)
class _TimedText:
    at: float
    text: str  # "" for a pause
    part: int  # which label or stanza of the file it belongs to
    opens: bool  # a label with a time of its own


@dataclass
class _Group:
    part: int
    start: float
    lines: list[TimedLine] = field(default_factory=list)
    end: float = OPEN_END  # when the singing pauses


def is_lrc(text: str) -> bool:
    """Return whether any line starts with a time."""
    return any(_STAMP.match(line) for line in text.splitlines())


def has_labels(text: str) -> bool:
    """Return whether an LRC text has lines that start a section."""
    return bool(_read_entries(text)[1])


def parse_lrc(text: str) -> tuple[Section, ...]:
    """Return the sections of an LRC file in order of time; lines without a time are left out."""
    entries, labels = _read_entries(text)
    groups = _group_entries(entries, labelled=bool(labels))
    if labels:
        # Part 0 is what comes before the first label.
        return tuple(_make_section(group, ["verse", *labels][group.part]) for group in groups)
    stanzas = label_stanzas([[line.text for line in group.lines] for group in groups])
    return tuple(_make_section(group, s.label) for group, s in zip(groups, stanzas, strict=True))


def merge_labels(lrc: str, lyrics: str) -> str | None:
    """Return an LRC text with the labels of labelled lyrics.

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
    pauses = [stanza.end for stanza in stanzas if stanza.end < OPEN_END]
    return _write_lrc(timed, found, [section.label for section in sections], pauses)


def untimed_sections(lyrics: str) -> tuple[LyricSection, ...]:
    """Return the sections of plain, labelled or LRC lyrics, without times."""
    if not is_lrc(lyrics):
        return parse_lyrics(lyrics)
    return tuple(
        LyricSection(section.label, tuple(line.text for line in section.lines))
        for section in parse_lrc(lyrics)
    )


def _make_section(group: _Group, label: str) -> Section:
    return Section(group.start, group.end, label, tuple(group.lines))


def _read_entries(text: str) -> tuple[list[_TimedText], list[str]]:
    """Return timed texts in order of time, and the labels of parts 1, 2, ... (none: stanzas)."""
    lines = [line for line in text.splitlines() if not _TAG.fullmatch(line)]
    offsets = [int(m[1]) for line in text.splitlines() if (m := _OFFSET.fullmatch(line))]
    shift = offsets[-1] / 1000 if offsets else 0.0
    parsed = [_split_times(line) for line in lines]
    labels = [label for _, rest in parsed if (label := label_of(rest))]
    blanks = not labels and not _is_double_spaced(lines)
    entries, part = [], 0
    for times, rest in parsed:
        label = label_of(rest)
        part += label is not None or (blanks and not times and not rest)
        text = "" if label else rest
        entries += [
            _TimedText(max(0.0, time - shift), text, part, label is not None) for time in times
        ]
    return sorted(entries, key=lambda entry: entry.at), labels


def _split_times(line: str) -> tuple[list[float], str]:
    """Return the times at the start of a line, in seconds, and the rest."""
    times, position = [], 0
    while match := _STAMP.match(line, position):
        times.append(int(match[1]) * 60 + float(match[2].replace(":", ".")))
        position = match.end()
    return times, clean_line(_WORD_TIME.sub("", line[position:])).strip("♪♫ ")


def _is_double_spaced(lines: Sequence[str]) -> bool:
    """Whether every line with text is followed by a blank one."""
    filled = [bool(line.strip()) for line in lines]
    return not any(a and b for a, b in itertools.pairwise(filled))


def _group_entries(entries: Sequence[_TimedText], *, labelled: bool) -> list[_Group]:
    """Group entries of one part; without labels also cut at pauses and to a length."""
    groups: list[_Group] = []
    for entry in entries:
        current = groups[-1] if groups else None
        if not entry.text and not entry.opens:
            if current is not None and current.end == OPEN_END:
                current.end = entry.at
            continue
        if (
            current is None
            or entry.opens
            or current.part != entry.part
            or (not labelled and _is_paused(current, entry.at))
        ):
            current = _Group(entry.part, entry.at)
            groups.append(current)
        if entry.text:
            current.lines.append(TimedLine(entry.text, entry.at))
            current.end = OPEN_END  # a pause inside a section does not end it
    return groups if labelled else [part for group in groups for part in _equal_groups(group)]


def _is_paused(group: _Group, at: float) -> bool:
    """Whether singing that starts at ``at`` is another stanza."""
    is_long = bool(group.lines) and at - group.lines[-1].at >= LONG_LINE
    return is_long or at - group.end >= PAUSE


def _equal_groups(group: _Group) -> list[_Group]:
    parts, position = [], 0
    for texts in equal_parts([line.text for line in group.lines]):
        lines = group.lines[position : position + len(texts)]
        parts.append(_Group(group.part, lines[0].at, lines))
        position += len(texts)
    if parts:
        parts[-1].end = group.end
    return parts


def _write_lrc(
    timed: list[TimedLine], found: dict[int, int], labels: list[str], pauses: list[float]
) -> str:
    current, rows = None, []
    first = min(found.values())
    for number, line in enumerate(timed):
        section = found.get(number, first if current is None else current)
        for pause in [at for at in pauses if at <= line.at]:
            pauses.remove(pause)
            rows.append(_format_time(pause))
        if section != current:
            rows.append(f"[{labels[section]}]")
            current = section
        rows.append(_format_time(line.at) + line.text)
    return "\n".join([*rows, *map(_format_time, pauses)]) + "\n"


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"[{minutes:02}:{rest // 1000:02}.{rest % 1000:03}]"

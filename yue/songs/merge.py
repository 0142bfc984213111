"""Labelled lyrics and an LRC of the same song as one: labels from the one, times from the other."""

from __future__ import annotations

from difflib import SequenceMatcher

from yue.songs.lrc import TimedLine, has_labels, is_lrc, parse_lrc
from yue.songs.lyrics import parse_lyrics, words_of

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

"""Sections in time from what is known of a song: given times, LRC times, or a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from yue.audio.stem_pairs import ADD_STEMS
from yue.songs.estimated_times import estimate_sections, single_section, textless_sections
from yue.songs.lrc import is_lrc, parse_lrc, untimed_sections
from yue.songs.lyrics import LyricSection
from yue.songs.song_metadata import Description
from yue.songs.timeline import (
    OPEN_END,
    Section,
    Span,
    TimedLine,
    even_lines,
    lines_after,
    place_timed,
)

EXPLICIT, LRC, PROPORTIONAL, WHOLE, NONE = "explicit", "lrc", "proportional", "whole", "none"
"""How sections got their times; ``none``: there were no lyrics to place."""

# What no singer does: this long without pauses of half a second that add up to 2 %.
_ENDLESS_SECONDS = 90.0
_ENDLESS_SHARE = 0.98


@dataclass(frozen=True)
class Sound:
    """What is known of a song's audio.

    Attributes:
        span: From where to where it lies in its source file, in seconds.
        singing: Where there is singing, in the same seconds.
        has_vocal: Whether there is a vocal track.
        is_separated: Whether it is known if somebody sings; not of a mixture alone.
    """

    span: Span
    singing: tuple[Span, ...]
    has_vocal: bool
    is_separated: bool = True


@dataclass(frozen=True)
class Aligned:
    """A song's sections.

    Attributes:
        sections: They cover the song.
        alignment: How they got their times.
        warnings: What was guessed or left out, each a sentence without the song's name.
    """

    sections: tuple[Section, ...]
    alignment: str
    warnings: tuple[str, ...] = ()


def align(description: Description, sound: Sound, untimed: str) -> Aligned | None:
    """Place a song's lyrics in time.

    Args:
        description: What is known of the song.
        sound: Its audio.
        untimed: ``proportional``, ``whole`` or ``skip``: what becomes of lyrics without times.

    Returns:
        The sections, or None for lyrics without times that are to be skipped.

    Raises:
        SongError: The times do not fit the audio.
    """
    if not sound.has_vocal:
        return _align_instrumental(description, sound)
    timed, alignment, warnings = _read_timed(description)
    if _sings_without_rest(sound):
        warnings += ("its vocal track never rests: is it the instrumental or the whole song?",)
    if timed:
        sections = place_timed(timed, sound.span, sound.singing)
        if lines_after(timed, sound.span):
            warnings += ("lines of lyrics that begin after the audio's end are left out",)
        return Aligned(sections, alignment, warnings)
    texts = untimed_sections(description.lyrics or "")
    if not texts:
        if sound.singing:
            warnings += ("there is singing, but there are no lyrics",)
        return Aligned(textless_sections(sound.span, sound.singing), NONE, warnings)
    if untimed == "skip":
        return None
    if any(section.lines for section in texts) and not sound.singing:
        warnings += ("there are lyrics, but no singing was found in the vocal track",)
    if untimed == "whole":
        return Aligned(single_section(texts, sound.span), WHOLE, warnings)
    return Aligned(estimate_sections(texts, sound.span, sound.singing), PROPORTIONAL, warnings)


def _sings_without_rest(sound: Sound) -> bool:
    """Return whether singing fills a long song, as it does where a mix is named as a vocal."""
    sung = sum(span.seconds for span in sound.singing)
    return sound.span.seconds >= _ENDLESS_SECONDS and sung >= _ENDLESS_SHARE * sound.span.seconds


def _align_instrumental(description: Description, sound: Sound) -> Aligned:
    """Keep labels alone: lyrics over a silent vocal track would teach the model not to sing."""
    timed, alignment, _ = _read_timed(description)
    texts = untimed_sections(description.lyrics or "")
    lines = any(section.lines for section in timed) or any(section.lines for section in texts)
    warnings = (_lyrics_warning(sound),) if lines else ()
    if timed and alignment == EXPLICIT:
        bare = tuple(replace(section, lines=()) for section in timed)
        return Aligned(place_timed(bare, sound.span, ()), EXPLICIT, warnings)
    if texts and not lines:
        return Aligned(estimate_sections(texts, sound.span, ()), PROPORTIONAL)
    return Aligned(textless_sections(sound.span, ()), NONE, warnings)


def _lyrics_warning(sound: Sound) -> str:
    if sound.is_separated:
        return "lyrics left out: nobody sings in the song"
    return f"lyrics left out: no vocal stem. If somebody sings, {ADD_STEMS}"


def _read_timed(description: Description) -> tuple[tuple[Section, ...], str, tuple[str, ...]]:
    """Return sections with times, if any; how they got them; and what did not fit."""
    given, lyrics = description.sections, description.lyrics or ""
    if not given:
        return (parse_lrc(lyrics), LRC, ()) if is_lrc(lyrics) else ((), NONE, ())
    if not lyrics or any(section.lines for section in given):
        return given, EXPLICIT, ()
    if is_lrc(lyrics):
        lines = [line for section in parse_lrc(lyrics) for line in section.lines]
        return _add_timed_lines(given, lines), EXPLICIT, ()
    texts = untimed_sections(lyrics)
    joined = _add_texts(given, texts)
    if joined is None:
        labels = ", ".join(section.label for section in texts)
        return (), NONE, (
            f"times of 'sections' not used: the labels of the lyrics ({labels}) are not among "
            "them in this order",
        )  # fmt: skip
    return joined, EXPLICIT, ()


def _add_timed_lines(given: Sequence[Section], lines: Sequence[TimedLine]) -> tuple[Section, ...]:
    """Put each line into the last section that has begun by then (the first, before any)."""
    starts = [section.start for section in given]
    homes = [max(0, sum(start <= line.at for start in starts) - 1) for line in lines]
    return tuple(
        replace(section, lines=tuple(x for x, home in zip(lines, homes, strict=True) if home == n))
        for n, section in enumerate(given)
    )


def _add_texts(
    given: Sequence[Section], texts: Sequence[LyricSection]
) -> tuple[Section, ...] | None:
    """Put lyrics into the given sections of their labels, in order; None if one finds no place."""
    waiting, joined = list(texts), []
    for section in given:
        if waiting and waiting[0].label == section.label:
            lines = waiting.pop(0).lines
            end = section.end if section.end < OPEN_END else section.start
            section = replace(section, lines=even_lines(lines, section.start, end))
        joined.append(section)
    return None if any(text.lines for text in waiting) else tuple(joined)

"""Sections cover a song's frames once, whatever was known of their times."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError
from yue.songs.align import Sound, align
from yue.songs.estimated_times import estimate_sections
from yue.songs.lyrics import LyricSection, clean_line, line_content
from yue.songs.song_metadata import Description
from yue.songs.timeline import OPEN_END, Section, Span, cut, even_lines, least_frames, to_frames

RATES = st.sampled_from([Fraction(50), Fraction(25, 2), Fraction(44100, 512), Fraction(75)])
LINES = st.lists(
    st.text("abcdé ß字", min_size=1, max_size=30).map(clean_line).filter(bool), max_size=6
)
LYRICS = st.lists(
    st.builds(LyricSection, st.sampled_from(["intro", "verse", "pre-chorus", "chorus 2"]),
              LINES.map(tuple)),
    max_size=10,
)  # fmt: skip


@st.composite
def spans(draw: st.DrawFn, song: Span) -> tuple[Span, ...]:
    """Stretches of singing, in order, that may stick out of the song."""
    times = sorted(
        draw(st.lists(st.floats(song.start - 2, song.end + 2), max_size=12, unique=True))
    )
    return tuple(Span(a, b) for a, b in zip(times[::2], times[1::2], strict=False))


@st.composite
def sounds(draw: st.DrawFn) -> Sound:
    start = draw(st.floats(0, 20))
    song = Span(start, start + draw(st.floats(1.5, 300)))
    return Sound(song, draw(spans(song)), has_vocal=draw(st.booleans()))


@st.composite
def timed(draw: st.DrawFn) -> tuple[Section, ...]:
    starts = sorted(draw(st.lists(st.floats(0, 200), min_size=1, max_size=8)))
    sections = []
    for start in starts:
        end = start + draw(st.floats(0.01, 60)) if draw(st.booleans()) else OPEN_END
        lines = even_lines(draw(LINES), start, end if end < OPEN_END else start)
        sections.append(Section(start, end, draw(st.sampled_from(["verse", "solo"])), lines))
    return tuple(sections)


def texts(sections: Sequence[Section]) -> list[str]:
    return [line.text for section in sections for line in section.lines]


def check_cover(sections: Sequence[Section], song: Span, rate: Fraction) -> None:
    assert sections[0].start == song.start
    assert sections[-1].end == song.end
    assert all(a.end == b.start for a, b in itertools.pairwise(sections))
    frames = int(Fraction(song.end - song.start) * rate)
    if frames < least_frames(rate):
        with pytest.raises(SongError, match="shorter than a second"):
            to_frames(cut(sections, song), frames, rate)
        return
    parts = to_frames(cut(sections, song), frames, rate)
    assert parts[0].start == 0
    assert parts[-1].end == frames
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))
    assert all(part.frames >= rate for part in parts)
    # Where a reader divides the frames by the written length, no section is under its second.
    assert all(part.frames >= frames / float(frames / rate) for part in parts)
    assert [line for part in parts for line in part.lines] == texts(sections)


@given(LYRICS, sounds(), st.sampled_from(["proportional", "whole"]), RATES)
def test_untimed_lyrics_cover_the_song_and_lose_no_line(
    lyrics: list[LyricSection], sound: Sound, untimed: str, rate: Fraction
) -> None:
    text = "".join(line_content(section.label, section.lines) for section in lyrics)
    aligned = align(Description(lyrics=text), sound, untimed)
    assert aligned is not None
    check_cover(aligned.sections, sound.span, rate)
    lines = [line for section in lyrics for line in section.lines]
    assert texts(aligned.sections) == (lines if sound.has_vocal else [])


@given(timed(), sounds(), RATES)
def test_timed_lyrics_cover_the_song_and_keep_every_line_within_it(
    sections: tuple[Section, ...], sound: Sound, rate: Fraction
) -> None:
    try:
        aligned = align(Description(sections=sections), sound, "skip")
    except SongError:
        assert sections[0].start >= sound.span.end
        return
    assert aligned is not None
    assert aligned.alignment == "explicit"
    check_cover(aligned.sections, sound.span, rate)
    within = [x.text for s in sections for x in s.lines if x.at < sound.span.end]
    assert texts(aligned.sections) == (within if sound.has_vocal else [])


@given(LYRICS, sounds(), st.floats(3, 40), RATES)
def test_pieces_of_a_song_share_its_lines_without_loss_or_repetition(
    lyrics: list[LyricSection], sound: Sound, length: float, rate: Fraction
) -> None:
    song = sound.span
    sections = estimate_sections(lyrics or [LyricSection("verse", ())], song, sound.singing)
    count = max(1, int(song.seconds / length))
    bounds = [song.start + song.seconds * n / count for n in range(count)] + [song.end]
    pieces = [cut(sections, Span(a, b)) for a, b in itertools.pairwise(bounds)]
    assert [line for piece in pieces for line in texts(piece)] == texts(sections)
    for piece, a, b in zip(pieces, bounds, bounds[1:], strict=False):
        frames = round(Fraction(b - a) * rate)
        parts = to_frames(piece, frames, rate)
        assert (parts[0].start, parts[-1].end) == (0, frames)
        assert [line for part in parts for line in part.lines] == texts(piece)


def test_frames_are_exact_at_a_rate_that_is_no_whole_number() -> None:
    rate = Fraction(44100, 512)
    sections = [Section(0.0, 100.0, "verse"), Section(100.0, 200.0, "chorus")]
    first, second = to_frames(sections, 17226, rate)
    assert (first.end, second.start, second.end) == (8613, 8613, 17226)  # 8613.28 frames


@pytest.mark.parametrize(("rate", "least"), [(Fraction(50), 51), (Fraction(25, 2), 13)])
def test_a_section_is_longer_than_a_second(rate: Fraction, least: int) -> None:
    """At a whole rate one frame more than a second: its written length may be rounded down."""
    end = float(Fraction(100) / rate)
    for frames, count in ((least, 2), (least - 1, 1)):
        second = Section(end, float((100 + frames) / rate), "chorus")
        sections = [Section(0.0, end, "verse"), second]
        assert len(to_frames(sections, 100 + frames, rate)) == count
    alone = [Section(0.0, float(least / rate), "verse")]
    assert len(to_frames(alone, least, rate)) == 1
    with pytest.raises(SongError, match=rf"shorter than a second \({least} frames\)"):
        to_frames(alone, least - 1, rate)


def test_a_short_section_joins_the_one_before_and_keeps_its_lines() -> None:
    sections = [
        Section(0.0, 10.0, "verse", even_lines(["a"], 0, 10)),
        Section(10.0, 10.5, "tag", even_lines(["b"], 10, 10.5)),
        Section(10.5, 11.0, "inst"),
        Section(11.0, 20.0, "chorus", even_lines(["c"], 11, 20)),
    ]
    parts = to_frames(sections, 1000, Fraction(50))
    assert [(p.label, p.start, p.end, p.lines) for p in parts] == [
        ("verse", 0, 550, ("a", "b")),
        ("chorus", 550, 1000, ("c",)),
    ]

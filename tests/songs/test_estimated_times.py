"""Times for lyrics without any: where there is singing decides."""

from __future__ import annotations

from yue.songs.align import Aligned, Sound, align
from yue.songs.estimated_times import estimate_sections, textless_sections
from yue.songs.lyrics import parse_lyrics
from yue.songs.song_metadata import Description
from yue.songs.timeline import OPEN_END, Section, Span, even_lines, place_timed

SONG = Span(0.0, 100.0)


def labels(sections: tuple[Section, ...]) -> list[tuple[str, float, float]]:
    return [(s.label, round(s.start, 6), round(s.end, 6)) for s in sections]


def test_long_rests_before_and_after_the_singing_become_sections() -> None:
    lyrics = parse_lyrics("[verse]\nabcd\n[chorus]\nefgh\n")
    sections = estimate_sections(lyrics, SONG, [Span(20, 50), Span(60, 90)])
    assert labels(sections) == [
        ("intro", 0, 20), ("verse", 20, 50), ("inst", 50, 60), ("chorus", 60, 90),
        ("outro", 90, 100),
    ]  # fmt: skip


def test_short_rests_belong_to_the_sections_beside_them() -> None:
    lyrics = parse_lyrics("[verse]\nabcd\n[chorus]\nefgh\n")
    sections = estimate_sections(lyrics, SONG, [Span(2, 50), Span(52, 98)])
    assert labels(sections) == [("verse", 0, 52), ("chorus", 52, 100)]


def test_sections_are_as_long_as_their_text() -> None:
    lyrics = parse_lyrics("[verse]\n" + "a long line of words here\n" * 3 + "[chorus]\n"
                          + "a long line of words here\n")  # fmt: skip
    assert labels(estimate_sections(lyrics, SONG, [SONG])) == [
        ("verse", 0, 75),
        ("chorus", 75, 100),
    ]


def test_a_boundary_moves_to_a_rest_nearby() -> None:
    lyrics = parse_lyrics("[verse]\nabcd\n[chorus]\nefgh\n")
    sections = estimate_sections(lyrics, SONG, [Span(0, 46), Span(47, 60), Span(60.5, 100)])
    assert labels(sections) == [("verse", 0, 47), ("chorus", 47, 100)]


def test_a_boundary_moves_no_further_than_a_quarter_of_the_shorter_neighbour() -> None:
    """Sung for 75 s and 25 s: 6.25 s are near, though a quarter of the longer is 18.75 s."""
    long, short = "a long line of words here\n" * 3, "a long line of words here\n"
    for lyrics, rest, bound in (
        (f"[verse]\n{long}[chorus]\n{short}", 69, 70),
        (f"[verse]\n{long}[chorus]\n{short}", 66, 76),
        (f"[verse]\n{short}[chorus]\n{long}", 31, 32),
        (f"[verse]\n{short}[chorus]\n{long}", 34, 25),
    ):
        singing = [Span(0, rest), Span(rest + 1, 101)]
        sections = estimate_sections(parse_lyrics(lyrics), Span(0, 101), singing)
        assert labels(sections) == [("verse", 0, bound), ("chorus", bound, 101)]


def test_sections_without_text_take_the_rests() -> None:
    lyrics = parse_lyrics("[intro]\n[verse]\nabcd\n[guitar solo]\n[verse]\nefgh\n[outro]\n")
    sections = estimate_sections(lyrics, SONG, [Span(10, 40), Span(55, 85)])
    assert labels(sections) == [
        ("intro", 0, 10), ("verse", 10, 40), ("guitar solo", 40, 55), ("verse", 55, 85),
        ("outro", 85, 100),
    ]  # fmt: skip


def test_without_singing_to_go_by_the_text_covers_the_whole_song() -> None:
    lyrics = parse_lyrics("[intro]\n[verse]\nabcd\n[chorus]\nefgh\n")
    assert labels(estimate_sections(lyrics, SONG, [])) == [
        ("intro", 0, 20), ("verse", 20, 60), ("chorus", 60, 100),
    ]  # fmt: skip


def test_a_song_without_lyrics_is_cut_into_moderate_parts_named_by_the_singing() -> None:
    assert labels(textless_sections(SONG, [])) == [
        ("inst", 0, 25), ("inst", 25, 50), ("inst", 50, 75), ("inst", 75, 100),
    ]  # fmt: skip
    assert [s.label for s in textless_sections(SONG, [Span(30, 70)])] == [
        "inst", "verse", "verse", "inst",
    ]  # fmt: skip


def test_given_times_are_kept_and_gaps_are_named() -> None:
    given = [
        Section(10.0, 40.0, "verse", even_lines(["a"], 10, 40)),
        Section(41.0, 60.0, "chorus"),
        Section(70.0, OPEN_END, "verse", even_lines(["b"], 70, 70)),
    ]
    assert labels(place_timed(given, SONG, [Span(70, 85)])) == [
        ("intro", 0, 10), ("verse", 10, 41), ("chorus", 41, 60), ("inst", 60, 70),
        ("verse", 70, 85), ("outro", 85, 100),
    ]  # fmt: skip


def test_overlapping_sections_end_where_the_next_begins() -> None:
    given = [Section(0.0, 60.0, "a"), Section(50.0, 120.0, "b")]
    assert labels(place_timed(given, SONG, [])) == [("a", 0, 50), ("b", 50, 100)]


def aligned(description: Description, *, has_vocal: bool = True, untimed: str = "skip") -> Aligned:
    found = align(description, Sound(SONG, (Span(0, 100),), has_vocal), untimed)
    assert found is not None
    return found


def test_texts_go_to_the_given_sections_of_their_labels() -> None:
    given = (
        Section(0.0, 10.0, "intro"),
        Section(10.0, 50.0, "verse"),
        Section(50.0, 100.0, "chorus"),
    )
    found = aligned(Description(sections=given, lyrics="[verse]\na\n[chorus]\nb\n"))
    assert found.alignment == "explicit"
    assert [(s.label, [x.text for x in s.lines]) for s in found.sections] == [
        ("intro", []), ("verse", ["a"]), ("chorus", ["b"]),
    ]  # fmt: skip


def test_lines_with_times_go_to_the_given_sections_they_start_in() -> None:
    given = (Section(10.0, OPEN_END, "verse"), Section(50.0, OPEN_END, "chorus"))
    found = aligned(Description(sections=given, lyrics="[00:09.90]a\n[00:49.00]b\n[00:50.00]c\n"))
    assert [[x.text for x in s.lines] for s in found.sections if s.lines] == [["a", "b"], ["c"]]


def test_given_sections_that_the_lyrics_do_not_fit_are_named_and_not_used() -> None:
    given = (Section(0.0, 100.0, "verse"),)
    description = Description(sections=given, lyrics="[verse]\na\n[chorus]\nb\n")
    found = aligned(description, untimed="proportional")
    assert found.alignment == "proportional"
    assert "verse, chorus" in found.warnings[0]
    assert align(description, Sound(SONG, (), has_vocal=True), "skip") is None


def test_lyrics_are_not_put_over_a_silent_vocal_track() -> None:
    found = aligned(Description(lyrics="[verse]\na\n"), has_vocal=False)
    assert all(section.label == "inst" and not section.lines for section in found.sections)
    assert found.warnings == ("lyrics left out: nobody sings in the song",)
    alone = align(Description(lyrics="a"), Sound(SONG, (), False, is_separated=False), "whole")
    assert alone is not None
    assert "no vocal stem" in alone.warnings[0]
    assert "separate.missing to separate" in alone.warnings[0]


def test_a_vocal_track_that_never_rests_is_doubted() -> None:
    found = align(Description(), Sound(SONG, (Span(0.5, 99.5),), has_vocal=True), "whole")
    assert found is not None
    assert "never rests" in " ".join(found.warnings)
    found = align(Description(), Sound(SONG, (Span(0.5, 90.0),), has_vocal=True), "whole")
    assert found is not None
    assert "never rests" not in " ".join(found.warnings)


def test_labels_of_an_instrumental_are_kept() -> None:
    found = aligned(Description(lyrics="[intro]\n[solo]\n"), has_vocal=False)
    assert labels(found.sections) == [("intro", 0, 50), ("solo", 50, 100)]


def test_the_whole_song_is_one_section_under_its_first_sung_label() -> None:
    lyrics = "[intro]\n[verse]\na\n[chorus]\nb\n"
    (only,) = aligned(Description(lyrics=lyrics), untimed="whole").sections
    assert (only.label, [x.text for x in only.lines]) == ("verse", ["a", "b"])

"""Lyrics as sections, and the text of a section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.songs.lrc import untimed_sections
from yue.songs.lyrics import (
    LyricSection,
    clean_label,
    clean_line,
    label_of,
    line_content,
    parse_lyrics,
)

LABELS = st.sampled_from(
    ["verse", "verse 2", "pre-chorus", "chorus", "intro", "guitar solo", "副歌", "outro"]
)
LINES = st.text(max_size=30).map(clean_line).filter(lambda s: s and label_of(s) is None)
SECTIONS = st.lists(
    st.builds(LyricSection, LABELS, st.lists(LINES, max_size=6).map(tuple)), min_size=1, max_size=8
)


def test_a_section_is_written_as_yue_writes_it() -> None:
    assert line_content("verse", ["one", "two"]) == "[verse]\none\ntwo\n\n"
    assert line_content("intro", []) == "[intro]\n\n"


@given(SECTIONS)
def test_sections_survive_being_written_and_read(sections: list[LyricSection]) -> None:
    text = "".join(line_content(section.label, section.lines) for section in sections)
    assert parse_lyrics(text) == tuple(sections)
    assert "".join(line_content(s.label, s.lines) for s in untimed_sections(text)) == text


@given(SECTIONS, st.sampled_from(["\r\n", "\r", "\n", "\u2028"]))
def test_line_ends_do_not_matter(sections: list[LyricSection], end: str) -> None:
    text = "".join(line_content(section.label, section.lines) for section in sections)
    assert parse_lyrics(text.replace("\n", end)) == tuple(sections)


@given(st.text())
def test_any_text_gives_clean_sections(text: str) -> None:
    for section in parse_lyrics(text):
        assert section.label == clean_label(section.label)
        assert section.label
        for line in section.lines:
            assert line == clean_line(line)
            assert line
            line.encode()


@given(st.text())
def test_no_word_is_lost(text: str) -> None:
    words = [w for line in text.splitlines() if label_of(clean_line(line)) is None
             for w in clean_line(line).split()]  # fmt: skip
    found = [w for section in parse_lyrics(text) for line in section.lines for w in line.split()]
    assert found == words


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("[Verse 1]", "verse 1"),
        ("  [pre-chorus]  ", "pre-chorus"),
        ("[Chorus: Ann & Bob]", "chorus"),
        ("[guitar  solo]", "guitar solo"),
        ("[]", None),
        ("[ ]", None),
        ("[laughs] hello", None),
        ("hello [verse]", None),
        ("[[verse]]", None),
        ("(chorus)", None),
    ],
)
def test_a_label_is_a_line_of_its_own_in_brackets(line: str, label: str | None) -> None:
    assert label_of(line) == label


def test_brackets_within_a_line_are_text() -> None:
    assert parse_lyrics("[verse]\nI [really] mean it\n") == (
        LyricSection("verse", ("I [really] mean it",)),
    )


def test_text_before_the_first_label_is_kept_as_a_verse() -> None:
    assert parse_lyrics("first words\n\n[chorus]\nla la\n") == (
        LyricSection("verse", ("first words",)),
        LyricSection("chorus", ("la la",)),
    )


def test_without_labels_a_stanza_that_comes_back_is_a_chorus() -> None:
    text = "one\ntwo\n\nLa la,\nla!\n\nthree\nfour\n\nla la\nLA\n"
    assert [section.label for section in parse_lyrics(text)] == [
        "verse", "chorus", "verse", "chorus",
    ]  # fmt: skip


def test_double_spaced_lyrics_are_not_one_section_a_line() -> None:
    sections = parse_lyrics("\n\n".join(f"line {n}" for n in range(10)))
    assert len(sections) == 1
    assert len(sections[0].lines) == 10


def test_long_stanzas_are_cut_evenly() -> None:
    sections = parse_lyrics("\n".join(f"line {n}" for n in range(30)))
    assert [len(section.lines) for section in sections] == [10, 10, 10]


def test_decomposed_letters_are_composed() -> None:
    assert parse_lyrics("[verse]\ncafe\u0301\n")[0].lines == ("café",)


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff\n"])
def test_no_text_is_no_section(text: str) -> None:
    assert parse_lyrics(text) == ()

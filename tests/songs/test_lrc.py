"""LRC files, and the labels that they take from lyrics beside them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yue.songs.lrc import is_lrc, merge_labels, parse_lrc, untimed_sections
from yue.songs.lyrics import clean_line, label_of
from yue.songs.timeline import OPEN_END, TimedLine

LINES = (
    st.text(max_size=20)
    .map(lambda text: clean_line(text).strip("♪♫ <>[]"))
    .map(clean_line)
    .filter(lambda s: s and label_of(s) is None)
)
CENTISECONDS = st.integers(0, 99 * 6000)


def stamp(centiseconds: int) -> str:
    return f"[{centiseconds // 6000:02d}:{centiseconds // 100 % 60:02d}.{centiseconds % 100:02d}]"


def flat(text: str) -> list[TimedLine]:
    return [line for section in parse_lrc(text) for line in section.lines]


@given(st.lists(st.tuples(CENTISECONDS, LINES), min_size=1, max_size=20))
def test_every_line_comes_back_at_its_time(lines: list[tuple[int, str]]) -> None:
    text = "".join(f"{stamp(at)}{line}\n" for at, line in lines)
    ordered = sorted(lines, key=lambda item: item[0])
    assert is_lrc(text)
    found = flat(text)
    assert [line.text for line in found] == [line for _, line in ordered]
    assert all(abs(line.at - at / 100) < 1e-6 for line, (at, _) in zip(found, ordered, strict=True))


@given(
    st.lists(
        st.tuples(st.sampled_from(["verse", "verse 2", "pre-chorus"]),
                  st.lists(LINES, min_size=1, max_size=4)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_labelled_sections_come_back(sections: list[tuple[str, list[str]]]) -> None:
    at, text = 0, ""
    for label, lines in sections:
        text += f"[{label}]\n"
        for line in lines:
            text += f"{stamp(at)}{line}\n"
            at += 250
    assert [(s.label, [line.text for line in s.lines]) for s in parse_lrc(text)] == sections
    first = untimed_sections(text)[0]
    assert (first.label, first.lines) == (sections[0][0], tuple(sections[0][1]))


def test_several_times_repeat_a_line_and_its_label() -> None:
    text = (
        "[verse]\n[00:10.00]a\n[chorus]\n[00:20.00][00:50.00]la\n[00:22.00][00:52.00]lo\n"
        "[verse 2]\n[00:30.00]b\n"
    )
    assert [(s.label, s.start, len(s.lines)) for s in parse_lrc(text)] == [
        ("verse", 10.0, 1), ("chorus", 20.0, 2), ("verse 2", 30.0, 1), ("chorus", 50.0, 2),
    ]  # fmt: skip


def test_tags_are_no_lyrics_and_the_offset_moves_all_lines() -> None:
    text = "[ar:Somebody]\n[ti: A title]\n[length: 3:20]\n[offset:+500]\n[00:10.00]a\n"
    assert flat(text) == [TimedLine("a", 9.5)]
    assert flat("[offset:-500]\n[00:10.00]a\n") == [TimedLine("a", 10.5)]
    assert flat("[offset:99000]\n[00:10.00]a\n") == [TimedLine("a", 0.0)]
    nonsense = f"[offset:{'9' * 5000}]\n[00:10.00]a\n"  # more digits than Python converts
    assert flat(nonsense) == [TimedLine("a", 10.0)]


def test_word_times_are_left_out() -> None:
    assert flat("[00:10.00]<00:10.00>so <00:10.50>what\n") == [TimedLine("so what", 10.0)]


def test_forms_of_a_time() -> None:
    assert [line.at for line in flat("[1:02]a\n[01:03.5]b\n[01:04:25]c\n[120:00.125]d\n")] == [
        62.0, 63.5, 64.25, 7200.125,
    ]  # fmt: skip


def test_a_time_without_text_ends_the_section() -> None:
    first, second = parse_lrc("[00:01.00]a\n[00:02.00]b\n[00:05.00] ♪\n[00:20.00]c\n[00:21.00]d\n")
    assert (first.start, first.end, second.start, second.end) == (1.0, 5.0, 20.0, OPEN_END)


def test_a_pause_within_a_labelled_section_does_not_cut_it() -> None:
    (only,) = parse_lrc("[verse]\n[00:01.00]a\n[00:05.00]\n[00:20.00]c\n")
    assert [line.text for line in only.lines] == ["a", "c"]
    assert only.end == OPEN_END


def test_a_label_with_a_time_starts_there() -> None:
    intro, verse = parse_lrc("[00:00.50][intro]\n[00:12.00][verse]\n[00:14.00]a\n")
    assert (intro.label, intro.start, intro.lines) == ("intro", 0.5, ())
    assert (verse.label, verse.start) == ("verse", 12.0)


def test_blank_lines_cut_stanzas_only_where_not_every_line_has_one() -> None:
    spaced = "".join(f"[00:{n:02d}.00]line {n}\n\n" for n in range(8))
    assert len(parse_lrc(spaced)) == 1
    stanzas = "[00:01.00]a\n[00:02.00]b\n\n[00:03.00]c\n[00:04.00]d\n"
    assert [len(section.lines) for section in parse_lrc(stanzas)] == [2, 2]


def test_plain_and_labelled_lyrics_are_no_lrc() -> None:
    assert not is_lrc("[verse]\na\n[chorus]\n3:20 in the morning\n")


LYRICS = """[Intro]

[Verse 1]
Hello, world
One more line

[Pre-Chorus]
Here it comes
[Chorus]
La la la
[Verse 2]
Something else
[Chorus]
La la la
"""
LRC = """[ti:Song]
[00:10.00]hello world
[00:12.50]one more line!
[00:15.00]here it comes
[00:18.00]la la la
[00:20.00]
[00:30.00]something else
[00:32.00](an echo)
[00:34.25]La la la
[00:36.00]
"""


def test_every_line_keeps_its_time_and_gets_its_label() -> None:
    merged = merge_labels(LRC, LYRICS)
    assert merged is not None
    sections = parse_lrc(merged)
    assert [(s.label, s.start, [(x.text, x.at) for x in s.lines]) for s in sections] == [
        ("verse 1", 10.0, [("hello world", 10.0), ("one more line!", 12.5)]),
        ("pre-chorus", 15.0, [("here it comes", 15.0)]),
        ("chorus", 18.0, [("la la la", 18.0)]),
        ("verse 2", 30.0, [("something else", 30.0), ("(an echo)", 32.0)]),
        ("chorus", 34.25, [("La la la", 34.25)]),
    ]
    assert [s.end for s in sections][2] == 20.0
    assert sections[-1].end == 36.0


def test_lyrics_of_another_song_are_not_merged() -> None:
    assert merge_labels(LRC, "[verse]\nquite\nother\nwords\n") is None


def test_there_is_nothing_to_merge_without_labels_or_times_or_with_the_lrc_s_own() -> None:
    assert merge_labels(LRC, "hello world\n") is None
    assert merge_labels("hello world\n", LYRICS) is None
    assert merge_labels("[verse]\n" + LRC, LYRICS) is None
    assert merge_labels(LRC, LRC) is None


words = st.text("abc xyz", min_size=1, max_size=8).filter(str.strip).map(str.strip)


@given(
    song=st.lists(st.tuples(st.sampled_from(["verse", "chorus"]), st.lists(words, min_size=1)),
                  min_size=1, max_size=6),
    lost=st.sets(st.integers(0, 40), max_size=3),
)  # fmt: skip
def test_no_timed_line_is_lost_or_moved(song: list[tuple[str, list[str]]], lost: set[int]) -> None:
    lyrics = "".join(f"[{label}]\n" + "\n".join(lines) + "\n" for label, lines in song)
    lines = [line for _, part in song for line in part]
    kept = [(number, line) for number, line in enumerate(lines) if number not in lost]
    lrc = "".join(f"[00:{number // 2:02}.{number % 2 * 5}]{line}\n" for number, line in kept)
    merged = merge_labels(lrc, lyrics) if len(lines) < 100 else None
    if merged is None:
        return
    found = [(x.at * 2, x.text) for section in parse_lrc(merged) for x in section.lines]
    assert found == [(number, " ".join(line.split())) for number, line in kept]
    if not lost:
        assert [s.label for s in parse_lrc(merged)] == [label for label, _ in song]

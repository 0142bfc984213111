"""Labels from lyrics and times from an LRC come together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yue.songs.lrc import merge_labels, parse_lrc

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

"""Warnings of one kind are one line, with names."""

from __future__ import annotations

from yue.rejections import SongWarning
from yue.songs.data_report import warning_lines


def test_a_kind_is_one_line_with_its_first_places() -> None:
    warnings = [
        SongWarning("too little music"),
        *(SongWarning("no lyrics", song) for song in ("a", "b\n", "c", "d", "e")),
        SongWarning("no singing", "a"),
    ]
    assert warning_lines(warnings) == [
        "too little music",
        "a, b\\n, c and 2 more: no lyrics",
        "a: no singing",
    ]
    assert str(warnings[1]) == "a: no lyrics"


def test_the_kinds_that_are_shown_are_few() -> None:
    lines = warning_lines(SongWarning(str(n)) for n in range(14))
    assert lines[-2:] == ["11", "and 2 more kinds of warning, in data_report.json"]

"""Warnings are told once for each kind, with names."""

from __future__ import annotations

from yue.songs.song_warnings import Warned, told


def test_a_kind_is_one_line_with_its_first_places() -> None:
    warnings = [
        Warned("too little music"),
        *(Warned("no lyrics", song) for song in ("a", "b\n", "c", "d", "e")),
        Warned("no singing", "a"),
    ]
    assert told(warnings) == [
        "too little music",
        "a, b\\n, c and 2 more: no lyrics",
        "a: no singing",
    ]
    assert str(warnings[1]) == "a: no lyrics"


def test_the_kinds_that_are_told_are_few() -> None:
    lines = told(Warned(str(n)) for n in range(14))
    assert lines[-2:] == ["11", "and 2 more kinds of warning, in data_report.json"]

"""Counts and lists of names as words."""

from __future__ import annotations

from yue.wording import counted, few


def test_one_is_singular() -> None:
    assert [counted(n, "song") for n in range(3)] == ["0 songs", "1 song", "2 songs"]


def test_names_are_few() -> None:
    assert [few("abcdef"[:n]) for n in (0, 1, 3, 4, 6)] == [
        "", "a", "a, b, c", "a, b, c and 1 more", "a, b, c and 3 more",
    ]  # fmt: skip

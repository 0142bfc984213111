"""Counts, lists of names and words of commands, as they are printed."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.wording import counted, few, quoted


def test_one_is_singular() -> None:
    assert [counted(n, "song") for n in range(3)] == ["0 songs", "1 song", "2 songs"]
    assert counted(1234, "song") == "1,234 songs"


def test_names_are_few() -> None:
    assert [few("abcdef"[:n]) for n in (0, 1, 3, 4, 6)] == [
        "", "a", "a, b, c", "a, b, c and 1 more", "a, b, c and 3 more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "shown"),
    [("plain/name-1.0", "plain/name-1.0"), (Path("-rf"), "./-rf"), ("-x", "-x"), ("", "''")],
)
def test_a_word_that_needs_no_quotes_gets_none(word: str | Path, shown: str) -> None:
    assert quoted(word) == shown


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_a_printed_word_reads_back_as_it_was(word: str) -> None:
    assert shlex.split(quoted(word)) == [word]


def test_a_folder_of_any_name_can_be_entered_as_printed(tmp_path: Path) -> None:
    for name in ("my songs $1 'x'", "~", "песни", "a\\b`c`", "-", "new\nline", '"&;|*'):
        (tmp_path / name).mkdir()
        line = f"cd {quoted(Path(name))} && pwd"
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=False)
        assert done.stdout.decode() == f"{tmp_path / name}\n", line

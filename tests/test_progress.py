"""Progress is for people at a terminal."""

from __future__ import annotations

import sys

import pytest

from yue.progress import duration, progress_bar


def test_nothing_is_printed_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("convert", 3, "songs") as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_the_label_and_the_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar("convert", 100, "songs") as bar:
        bar.update(20)
        bar.update(80)
    out, err = capsys.readouterr()
    first, last = err.split("\r")[1], err.split("\r")[-1]
    assert out == ""
    assert first.startswith("convert:   0%")
    assert "0/100" in first
    assert last.startswith("convert: 100%")
    assert "100/100" in last
    assert "songs/s" in last
    assert err.endswith("\n")


def test_no_songs_have_no_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar("convert", 0, "songs"):
        pass
    assert capsys.readouterr() == ("", "")


def test_an_error_ends_the_line_and_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(RuntimeError), progress_bar("convert", 3, "songs"):
        raise RuntimeError
    assert capsys.readouterr().err.endswith("\n")


def test_a_duration_has_hours_where_there_are_some() -> None:
    assert [duration(s) for s in (9, 123.4, 3723)] == ["0:09", "2:03", "1:02:03"]

"""Progress is for people at a terminal."""

from __future__ import annotations

import sys

import pytest

from yue.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("yue.progress.time.monotonic", clock)
    return clock


def test_nothing_is_printed_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("convert", 3, "songs") as progress:
        progress.advance()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_count_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("convert", 100, "songs") as progress:
        clock.now = 10.0
        progress.advance(20)
        clock.now = 10.01
        progress.advance()  # too soon to draw again
        clock.now = 50.0
        progress.advance(79)
    out, err = capsys.readouterr()
    lines = [line.removesuffix("\x1b[K") for line in err.rstrip("\n").split("\r")]
    assert out == ""
    assert lines[1:] == [
        "convert: 0/100 songs",
        "convert: 20/100 songs, 2.0/s, 0:40 left",
        "convert: 100/100 songs, 2.0/s, 0:00 left",
        "convert: 100/100 songs, 2.0/s, 0:00 left",
    ]
    assert err.endswith("\n")


def test_slow_work_is_told_in_seconds_each_and_hours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("encode", 100) as progress:
        clock.now = 40.0
        progress.advance()
    assert "encode: 1/100, 40.0 s each, 1:06:00 left" in capsys.readouterr().err


def test_an_error_ends_the_line_and_passes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with pytest.raises(RuntimeError), Progress("convert", 3):
        raise RuntimeError
    assert capsys.readouterr().err.endswith("\n")


def test_a_speed_may_have_a_name_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("tokenize", 600, "s of audio", "times real time") as progress:
        clock.now = 10.0
        progress.advance(125)
    assert (
        "tokenize: 125/600 s of audio, 12.5 times real time, 0:38 left" in capsys.readouterr().err
    )

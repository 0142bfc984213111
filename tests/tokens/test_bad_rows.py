"""Every bad row is named with its line and song, and every good one survives, in every layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.cli import main
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.pair_info import TokenFileInfo, read_info

Corpus = Any
SECTION = {"duration": 3.2, "line_content": "[verse]\nline\n\n"}


def sections(*spans: tuple[object, object]) -> dict[str, Any]:
    return {
        "splitted_lyrics": {
            "segmented_lyrics": [
                {**SECTION, "codec_frame_start": start, "codec_frame_end": end}
                for start, end in spans
            ]
        }
    }


class Rows:
    """A corpus in which bad rows stand between good ones."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.good: list[str] = []
        self.bad: dict[int, tuple[str | None, str]] = {}

    def add_good(self) -> None:
        self.good.append(f"good {len(self.good)}")
        self.corpus.row(self.good[-1], frames=320, books=8, mixture=True)

    def add_bad(self, reason: str, song_id: str | None = None, **changes: Any) -> None:
        """A row that is bad by ``changes``; by ``line`` where that is given."""
        self.bad[len(self.corpus.lines) + 1] = (song_id, reason)
        if "line" in changes:
            self.corpus.line(changes["line"])
        else:
            self.corpus.row(song_id, frames=320, books=8, mixture=True, **changes)
        self.add_good()

    def add_bad_codes(self, reason: str, song_id: str, codes: np.ndarray) -> None:
        path = f"npy/{song_id}.bad.npy"
        np.save(self.corpus.root / path, codes)
        keys = dict.fromkeys(("vocals_codec", "codec"), path)
        self.add_bad(reason, song_id, **keys)


def good_codes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1024, (8, 320))


def changed(place: tuple[int, int], value: int) -> np.ndarray:
    codes = good_codes()
    codes[place] = value
    return codes


@pytest.fixture
def rows(corpus: Corpus) -> Rows:
    rows = Rows(corpus)
    rows.add_good()
    rows.add_bad("the line is blank", line="")
    rows.add_bad("the line is blank", line="  \t")
    rows.add_bad("not valid JSON", line='{"id": "torn", "genres": "pop')
    rows.add_bad("not valid JSON", line="\x00\x01")
    rows.add_bad("not a JSON object", line="[]")
    rows.add_bad("'id' is missing", line="{}")
    rows.add_bad("'id' is not valid Unicode", line=json.dumps({"id": "\ud83d"}))
    missing = dict.fromkeys(("vocals_codec", "codec"), "npy/none.npy")
    rows.add_bad("npy/none.npy: no such file", "missing", **missing)
    rows.add_bad_codes("float64 (8, 320), not codes", "floats", good_codes().astype(float))
    rows.add_bad_codes("float64 (8, 320), not codes", "nan", np.full((8, 320), np.nan))
    rows.add_bad_codes("int64 (320,), not codes", "flat", good_codes()[0])
    rows.add_bad_codes("code 1024 at frame 200", "1024", changed((0, 200), 1024))
    rows.add_bad_codes("code -1 at frame 0", "minus", changed((0, 0), -1))
    rows.add_bad_codes("code 70000 at frame 9", "wraps", changed((0, 9), 70_000))
    keys = dict.fromkeys(("vocals_codec", "codec"), 7)
    rows.add_bad("codec' is 7", "no path", **keys)
    return rows


def add_rows_of_sections(rows: Rows) -> None:
    rows.add_bad("do not lie within the song's 0..320", "outside", **sections((0, 321)))
    rows.add_bad("do not lie within", "before", **sections((-1, 160)))
    rows.add_bad("do not lie within", "backwards", **sections((160, 100)))
    rows.add_bad("do not lie within", "huge", **sections((0, 10**30)))
    rows.add_bad("less than a second", "short", **sections((0, 49)))
    rows.add_bad("'codec_frame_start' is 0.5", "halves", **sections((0.5, 100)))
    rows.add_bad("'codec_frame_end' is None", "endless", **sections((0, None)))
    rows.add_bad("'segmented_lyrics' is empty", "none", **sections())
    rows.add_bad("frames a second; codec xcodec has 50", "rate", audio_length_in_sec=3.2)
    rows.add_bad("'audio_length_in_sec' is nan", "nans", audio_length_in_sec=float("nan"))
    rows.add_bad("frames a second", "long", audio_length_in_sec=10**400)


def run(rows: Rows, model: Path, prefix: Path, *words: str) -> int:
    flags = ["mmap", "--songs", rows.corpus.jsonl, "--root", rows.corpus.root]
    flags += ["--tokenizer", model, "--codec-type", "xcodec", "--output-prefix", prefix]
    return main([str(word) for word in [*flags, *words]])


def check(rows: Rows, info: TokenFileInfo) -> None:
    assert list(info.song_ids) == rows.good, "the good ones survive"
    assert len(info.rejected) == len(rows.bad)
    for entry, (line, (song_id, reason)) in zip(info.rejected, rows.bad.items(), strict=True):
        assert entry.what.startswith(f"songs.jsonl:{line}"), entry
        assert entry.song_id == song_id
        assert song_id is None or f"(song '{song_id}')" in entry.what
        assert reason in entry.reason, entry
        assert entry.fix


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bad_rows_are_named_and_the_good_ones_survive(
    rows: Rows, small_model: Path, tmp_path: Path, layout: str
) -> None:
    if layout != "stage2":
        add_rows_of_sections(rows)
    assert run(rows, small_model, tmp_path / "x", "--layout", layout) == 0
    check(rows, read_info(tmp_path / "x.json"))


def test_overlapping_sections_are_named_one_by_one(
    rows: Rows, small_model: Path, tmp_path: Path
) -> None:
    rows.corpus.row("overlap", frames=320, **sections((0, 160), (100, 200), (160, 320)))
    rows.good.append("overlap")
    assert run(rows, small_model, tmp_path / "x") == 0
    info = read_info(tmp_path / "x.json")
    last = info.rejected[-1]
    assert last.what.endswith("(song 'overlap'), section 2")
    assert "before the section before it ends (160)" in last.reason


def test_only_a_share_above_the_threshold_fails(
    rows: Rows, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, total = len(rows.bad), len(rows.bad) + len(rows.good)
    at, below = bad / total, bad / total - 0.001
    assert run(rows, small_model, tmp_path / "x", "--max-rejected-share", f"{at:.6f}1") == 0
    before = (tmp_path / "x.bin").read_bytes()
    assert run(rows, small_model, tmp_path / "x", "--max-rejected-share", f"{below:.6f}") == 1
    assert (tmp_path / "x.bin").read_bytes() == before
    assert f"{bad} of {total} songs cannot be used" in capsys.readouterr().err


def test_an_unknown_codec_lists_the_known(
    rows: Rows, small_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leave:
        main(["mmap", "--songs", str(rows.corpus.jsonl), "--codec-type", "encodec"])
    assert leave.value.code == 2
    message = capsys.readouterr().err
    assert "invalid choice: 'encodec'" in message
    assert "semanticodec" in message


def test_rows_cannot_drive_the_terminal(
    corpus: Corpus, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus.row("good")
    corpus.row("\x1b[31m" + "x" * 5000, vocals_codec="\x1b]0;title\x07\ud800")
    assert run(Rows(corpus), small_model, tmp_path / "x") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert len(out) < 1000
    (entry,) = read_info(tmp_path / "x.json").rejected
    assert "\\x1b]0;title\\x07\\ud800: " in entry.reason
    assert entry.song_id == "\x1b[31m" + "x" * 5000

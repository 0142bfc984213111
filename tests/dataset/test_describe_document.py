"""A document as a reader of music sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from yue.dataset.describe_document import describe
from yue.dataset.show_document import Painter, show_document, show_files
from yue.dataset.token_files import TokenFiles
from yue.tokens.vocabulary import codec_range

XCODEC = codec_range("xcodec")


def opened(tmp_path: Path, write_songs: Any) -> TokenFiles:
    write_songs(tmp_path / "a", [(5, [(3, 100), (2, 75)])])
    return TokenFiles.open(tmp_path / "a")


def test_sections_have_their_places_times_and_roles(tmp_path: Path, write_songs: Any) -> None:
    files = opened(tmp_path, write_songs)
    view = describe(files, 0)
    assert [(s.kind, s.start, s.stop) for s in view.sequences] == [
        ("header", 0, 5), ("section", 5, 213), ("section", 213, 371)
    ]  # fmt: skip
    assert [s.seconds for s in view.sequences] == [None, (0.0, 2.0), (2.0, 3.5)]
    assert view.sequences[1].roles == {"text": 5, "special": 3, "vocal": 100, "instrumental": 100}
    assert view.tokens == tuple(files.document(0).tolist())
    assert view.faults == ()


def test_odd_ids_are_shown_and_stop_nothing(tmp_path: Path, write_songs: Any) -> None:
    files = opened(tmp_path, write_songs)
    tokens = np.fromfile(tmp_path / "a.bin", "<i4")
    tokens[12], tokens[30] = 99_999, -3
    (tmp_path / "a.bin").write_bytes(tokens.tobytes())
    view = describe(TokenFiles.open(tmp_path / "a"), 0)
    assert {fault.token for fault in view.faults} == {12}, "one fault for all of a kind"
    shown = show_document(view, XCODEC, Painter(False))
    assert "id 99999 <id 99999>" in shown
    assert "odd at token 12" in shown
    assert "\x1b[31modd at token" in show_document(view, XCODEC, Painter(True))
    assert "codec xcodec, 50 frames/s; 1 document, 3 sequences, 371 tokens" in show_files(
        files, Painter(False)
    )

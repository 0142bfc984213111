"""Codes are held to their audio, and rows that are none are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.codecs.conftest import RATE
from yue.codecs.audio_tracks import SongTracks, TrackFile
from yue.codecs.base import Audio
from yue.codecs.encode_songs import encode_songs
from yue.codecs.melrvq import MelRvq
from yue.codecs.verify import verify_codes
from yue.errors import CodecError


@pytest.fixture
def songs(tmp_path: Path, tracks: Sequence[Audio], melrvq: MelRvq) -> list[SongTracks]:
    """One song, with its codes in ``codes``."""
    np.save(tmp_path / "a.npy", tracks[0][:RATE])
    songs = [SongTracks("a", RATE, None, (TrackFile("mixture", tmp_path / "a.npy"),))]
    (tmp_path / "codes").mkdir()
    encode_songs(
        songs, melrvq.card, lambda: [melrvq], tmp_path / "codes",
        prefix="codes", store=None, workers=1,
    )  # fmt: skip
    return songs


def test_one_other_code_is_found(tmp_path: Path, songs: list[SongTracks], melrvq: MelRvq) -> None:
    assert verify_codes(tmp_path / "codes", songs, melrvq, 0).equal == 1
    file = tmp_path / "codes" / "a.mixture.npy"
    codes = np.load(file)
    codes[3, 7] ^= 1
    np.save(file, codes)
    with pytest.raises(CodecError, match="1 of its 400 codes are others"):
        verify_codes(tmp_path / "codes", songs, melrvq, 0)


@pytest.mark.parametrize(
    "row",
    ["[1]", "null", '{"song_id": "a"}', '{"song_id": "a", "role": "mixture", "path": 5}'],
)
def test_a_row_that_is_none_is_named(
    tmp_path: Path, songs: list[SongTracks], melrvq: MelRvq, row: str
) -> None:
    (tmp_path / "codes" / "codes.jsonl").write_text(row + "\n")
    with pytest.raises(CodecError, match=r"codes\.jsonl:1: not a row"):
        verify_codes(tmp_path / "codes", songs, melrvq, 0)

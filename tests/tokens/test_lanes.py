"""Which codes of a row are used, and why others are not."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError
from yue.tokens.lanes import SongSections, song_sections
from yue.tokens.rows import Segment, SongRow
from yue.tokens.vocabulary import codec_range

XCODEC = codec_range("xcodec")


def codes(frames: int, books: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, (books, frames), dtype=np.int16)


class Song:
    """A row with two tracks on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 4.0
        self.segments = [(0, 100), (100, 200)]
        self.tracks(codes(200), codes(200, seed=1))

    def tracks(self, vocal: np.ndarray, instrumental: np.ndarray) -> None:
        np.save(self.folder / "v.npy", vocal)
        np.save(self.folder / "i.npy", instrumental)

    def sections(self, compat: str = "strict") -> SongSections:
        segments = tuple(Segment(a, b, f"[{a}]\n\n") for a, b in self.segments)
        row = SongRow("s:1", "x", "v.npy", "i.npy", self.seconds, "pop", segments)
        return song_sections(row, self.folder, XCODEC, compat)

    def why(self, compat: str = "strict") -> str:
        with pytest.raises(SongError) as error:
            self.sections(compat)
        assert error.value.what == "s:1"
        assert error.value.fix
        return error.value.why


@pytest.fixture
def song(tmp_path: Path) -> Song:
    return Song(tmp_path)


def kept(found: SongSections) -> list[str]:
    return [section.line_content for section in found.sections]


def test_sections_are_cut_from_codebook_zero_of_both_tracks(song: Song) -> None:
    vocal, instrumental = codes(200, 8), codes(200, 8, seed=1)
    song.tracks(vocal, instrumental)
    found = song.sections()
    assert found.dropped == ()
    assert np.array_equal(found.sections[1].vocal, vocal[0, 100:200])
    assert np.array_equal(found.sections[1].instrumental, instrumental[0, 100:200])


@pytest.mark.parametrize("compat", ["strict", "upstream"])
def test_tracks_may_differ_by_ten_frames(song: Song, compat: str) -> None:
    song.tracks(codes(200), codes(210))
    assert len(song.sections(compat).sections) == 2
    song.tracks(codes(199), codes(209))
    assert kept(song.sections(compat)) == ["[0]\n\n"], "the second ends after the shorter track"
    song.tracks(codes(200), codes(211))
    assert "the vocal track has 200 frames and the instrumental 211" in song.why(compat)


@pytest.mark.parametrize(
    ("seconds", "is_kept"),
    [(4.0, True), (200 / 49, True), (200 / 51, True), (200 / 48.9, False), (200 / 51.1, False)],
)
def test_the_frame_rate_must_be_the_codecs(song: Song, seconds: float, is_kept: bool) -> None:
    song.seconds = seconds
    if is_kept:
        assert len(song.sections().sections) == 2
    else:
        assert "frames a second; codec xcodec has 50" in song.why()


def test_sections_out_of_range_or_short_are_named(song: Song) -> None:
    song.segments = [(0, 100), (90, 250), (-1, 100), (150, 150), (120, 169), (100, 200)]
    found = song.sections("upstream")
    assert kept(found) == ["[0]\n\n", "[100]\n\n"]
    assert [d.what for d in found.dropped] == [f"s:1, section {n}" for n in (2, 3, 4, 5)]
    assert "frames 90..250 do not lie within the song's 0..200" in found.dropped[0].reason
    assert "49 frames are less than a second" in found.dropped[3].reason


def test_overlapping_sections_are_named_and_upstream_keeps_them(song: Song) -> None:
    song.segments = [(0, 120), (100, 200), (120, 190)]
    found = song.sections()
    assert kept(found) == ["[0]\n\n", "[120]\n\n"]
    assert "before the section before it ends (120)" in found.dropped[0].reason
    assert len(song.sections("upstream").sections) == 3


def test_a_song_without_sections_is_an_error_but_not_upstream(song: Song) -> None:
    song.segments = [(0, 10), (10, 20)]
    assert "none of its 2 sections can be used; the first: 10 frames" in song.why()
    assert song.sections("upstream").sections == ()


@pytest.mark.parametrize("books", [2, 8, 13])
def test_upstream_loses_every_section_of_other_codebook_counts(song: Song, books: int) -> None:
    song.tracks(codes(200, books), codes(200, books))
    found = song.sections("upstream")
    assert found.sections == ()
    assert f"not of {books}" in found.dropped[0].reason
    assert len(song.sections().sections) == 2


@pytest.mark.parametrize("code", [-1, 1024])
def test_a_code_outside_the_codebook_is_named(song: Song, code: int) -> None:
    bad = codes(200).astype(np.int64)
    bad[0, 77] = code
    song.tracks(codes(200), bad)
    assert f"code {code} is outside 0..1023, the codes of xcodec" in song.why()
    assert song.sections("upstream").sections == ()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((1, 200)), "float64 (1, 200), not codes"),
        (np.full((1, 200), np.nan), "not codes"),
        (np.zeros(200, np.int16), "int16 (200,), not codes"),
        (np.zeros((1, 2, 3), np.int16), "not codes"),
        (np.zeros((1, 0), np.int16), "no codes, shape (1, 0)"),
        (np.zeros((0, 200), np.int16), "no codes"),
        (np.zeros((1, 200), bool), "not codes"),
    ],
)
@pytest.mark.parametrize("compat", ["strict", "upstream"])
def test_what_is_no_codes_is_named(song: Song, array: np.ndarray, reason: str, compat: str) -> None:
    song.tracks(codes(200), array)
    assert f"i.npy: {reason}" in song.why(compat) or reason in song.why(compat)


def damage(song: Song, data: bytes | None) -> None:
    path = song.folder / "v.npy"
    path.unlink()
    if data is not None:
        path.write_bytes(data)


@pytest.mark.parametrize("data", [None, b"", b"\x93NUMPY", b"not an array", b"PK\x03\x04"])
def test_a_missing_or_damaged_file_is_named_as_the_row_names_it(
    song: Song, data: bytes | None
) -> None:
    damage(song, data)
    why = song.why()
    assert why.startswith("v.npy: ")
    assert str(song.folder) not in why, "messages are the same on every machine"


def test_a_file_cut_short_is_an_error(song: Song) -> None:
    whole = (song.folder / "v.npy").read_bytes()
    damage(song, whole[:-10])
    assert "not a .npy array" in song.why()


@given(st.integers(0, 127), st.integers(0, 255))
def test_a_damaged_header_is_an_error_or_still_codes(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    song = Song(tmp_path_factory.getbasetemp())
    data = bytearray((song.folder / "v.npy").read_bytes())
    data[place] = byte
    damage(song, bytes(data))
    with contextlib.suppress(SongError), warnings.catch_warnings(action="ignore"):
        song.sections()


def test_pickled_objects_are_never_loaded(song: Song, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    np.save(song.folder / "v.npy", np.array([[Bomb()]]), allow_pickle=True)
    assert "not a .npy array" in song.why()
    assert not (tmp_path / "exploded").exists()


def test_a_folder_in_place_of_a_file_is_an_error(song: Song) -> None:
    (song.folder / "v.npy").unlink()
    (song.folder / "v.npy").mkdir()
    assert "cannot be read" in song.why()

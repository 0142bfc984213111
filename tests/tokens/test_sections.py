"""Which sections of a row are used, and why others are not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError
from yue.tokens.layouts.blocks import lane_ids
from yue.tokens.options import Options
from yue.tokens.row_reader import Segment, SongRow
from yue.tokens.sections import Used, snap_frame, used_sections
from yue.tokens.track_codes import Lanes, load_lanes
from yue.tokens.vocabulary import codec_range


def codes(frames: int, books: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1024, (books, frames), dtype=np.int16)


class Song:
    """A row with its tracks on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 4.0
        self.segments: list[tuple[int, int]] = [(0, 100), (100, 200)]
        self.durations: dict[int, float | None] = {}
        self.tracks(vocal=codes(200), instrumental=codes(200, seed=1), mixture=codes(200, seed=2))

    def tracks(self, **tracks: np.ndarray) -> None:
        for track, array in tracks.items():
            np.save(self.folder / f"{track}.npy", array)

    def row(self) -> SongRow:
        return SongRow(
            place="s:1",
            id="x",
            codes={t: f"{t}.npy" for t in ("vocal", "instrumental", "mixture")},
            seconds=self.seconds,
            segments=tuple(
                Segment(a, b, f"[{a}]\n\n", self.durations.get(n, (b - a) / 50))
                for n, (a, b) in enumerate(self.segments)
            ),
        )

    def lanes(self, compat: str = "strict", codec: str = "xcodec", **options: Any) -> Lanes:
        how = Options(compat=compat, **options)
        return load_lanes(self.row(), self.folder, how.ids(codec_range(codec)), how)

    def used(self, compat: str = "strict", codec: str = "xcodec", **options: Any) -> Used:
        how = Options(compat=compat, **options)
        return used_sections(self.row(), self.lanes(compat, codec, **options), how)

    def why(self, compat: str = "strict", **options: Any) -> str:
        with pytest.raises(SongError) as error:
            self.used(compat, **options)
        assert error.value.what.startswith("s:1")
        assert error.value.fix
        return error.value.why


@pytest.fixture
def song(tmp_path: Path) -> Song:
    return Song(tmp_path)


def kept(used: Used) -> list[tuple[int, int]]:
    return [(frames.start, frames.stop) for _, frames in used.sections]


def test_codes_are_those_of_the_first_codebooks(song: Song) -> None:
    vocal = codes(200, 8)
    song.tracks(vocal=vocal, instrumental=codes(200, 9, seed=1))
    assert kept(song.used()) == [(0, 100), (100, 200)]
    for books in (1, 3, 8):
        lanes = song.lanes(codebooks=books)
        ids = lane_ids(vocal[:books, 50:80], codec_range("xcodec"))
        assert np.array_equal(lanes.ids(["vocal"], slice(50, 80)), ids)
        both = lanes.ids(["vocal", "instrumental"], slice(50, 80))
        assert np.array_equal(both[::2], ids)
    assert "8 codebooks, and documents carry 9" in song.why(codebooks=9)


@pytest.mark.parametrize("compat", ["strict", "upstream"])
def test_tracks_may_differ_by_ten_frames(song: Song, compat: str) -> None:
    song.tracks(instrumental=codes(210))
    assert len(song.used(compat).sections) == 2
    song.tracks(vocal=codes(199), instrumental=codes(209))
    assert kept(song.used(compat)) == [(0, 100)], "the second ends after the shorter track"
    song.tracks(vocal=codes(200), instrumental=codes(211))
    assert "the vocal track has 200 frames and the instrumental 211" in song.why(compat)


@pytest.mark.parametrize("compat", ["strict", "upstream"])
def test_the_mixture_of_a_prompt_may_differ_by_ten_frames(song: Song, compat: str) -> None:
    how = {"layout": "icl", "audio_prompt": "mixture"}
    song.tracks(mixture=codes(190))
    assert kept(song.used(compat, **how)) == [(0, 100), (100, 200)]
    song.tracks(mixture=codes(189))
    assert "200 frames and the mixture 189" in song.why(compat, **how)
    assert song.used(compat, layout="icl", audio_prompt="dual").dropped == ()


@pytest.mark.parametrize(
    ("seconds", "is_kept"),
    [(4.0, True), (200 / 49, True), (200 / 51, True), (200 / 48.9, False), (200 / 51.1, False)],
)
def test_the_frame_rate_must_be_the_codecs(song: Song, seconds: float, is_kept: bool) -> None:
    song.seconds = seconds
    if is_kept:
        assert len(song.used().sections) == 2
    else:
        assert "frames a second; codec xcodec has 50" in song.why()
        assert "frames a second" in song.why(layout="mix")
        assert song.used("upstream", layout="mix").sections, "upstream does not look there"


def test_sections_out_of_range_or_short_are_named(song: Song) -> None:
    song.segments = [(0, 100), (90, 250), (-1, 100), (150, 150), (120, 169), (100, 200)]
    used = song.used("upstream")
    assert kept(used) == [(0, 100), (100, 200)]
    assert [d.what for d in used.dropped] == [f"s:1, section {n}" for n in (2, 3, 4, 5)]
    assert "frames 90..250 do not lie within the song's 0..200" in used.dropped[0].reason
    assert "49 frames are less than a second" in used.dropped[3].reason


def test_overlapping_sections_are_named_and_upstream_keeps_them(song: Song) -> None:
    song.segments = [(0, 120), (100, 200), (120, 190)]
    used = song.used()
    assert kept(used) == [(0, 120), (120, 190)]
    assert "before the section before it ends (120)" in used.dropped[0].reason
    assert len(song.used("upstream").sections) == 3


def test_a_song_without_sections_is_an_error_but_not_upstream(song: Song) -> None:
    song.segments = [(0, 10), (10, 20)]
    assert "none of its 2 sections can be used; the first: 10 frames" in song.why()
    assert song.used("upstream").sections == ()


@pytest.mark.parametrize("books", [2, 8, 13])
def test_upstream_loses_every_section_of_other_codebook_counts(song: Song, books: int) -> None:
    song.tracks(vocal=codes(200, books), instrumental=codes(200, books))
    used = song.used("upstream")
    assert used.sections == ()
    assert f"upstream takes codes of 1 or 12 codebooks, not of {books}" in used.dropped[0].reason
    assert len(song.used().sections) == 2


@pytest.mark.parametrize("code", [-1, 1024])
def test_a_code_outside_the_codebook_is_named(song: Song, code: int) -> None:
    bad = codes(200).astype(np.int64)
    bad[0, 77] = code
    song.tracks(instrumental=bad)
    assert f"code {code} at frame 77 is outside 0..1023, the codes of xcodec" in song.why()
    used = song.used("upstream")
    assert kept(used) == [(100, 200)], "upstream loses the section alone"
    assert f"code {code} at frame 77" in used.dropped[0].reason


def test_codes_that_are_not_used_may_be_anything_but_not_upstream(song: Song) -> None:
    wide = codes(200, 12)
    wide[5, 150] = 5000
    song.tracks(vocal=wide)
    assert len(song.used().sections) == 2
    assert kept(song.used("upstream")) == [(0, 100)]


def test_upstream_goes_by_the_duration_in_icl_and_mix(song: Song) -> None:
    song.durations = {0: 0.9, 1: 1.0}
    assert kept(song.used("upstream", layout="icl")) == [(100, 200)]
    assert len(song.used("upstream", layout="cot").sections) == 2
    assert len(song.used("strict", layout="icl").sections) == 2, "frames are what counts"
    song.durations = {0: 4.1, 1: 0}
    assert kept(song.used("upstream", layout="mix")) == []
    song.durations = {0: None}
    for layout in ("cot", "icl", "mix"):
        used = song.used("upstream", layout=layout)
        assert kept(used) == [(100, 200)]
        assert used.dropped[0].reason == "'duration' is missing"


@given(
    st.integers(60, 2000),
    st.lists(st.integers(0, 2000), min_size=2, max_size=8, unique=True).map(sorted),
)
def test_semanticodecs_sections_start_and_end_at_multiples_of_eight(
    tmp_path_factory: pytest.TempPathFactory, frames: int, bounds: list[int]
) -> None:
    song = Song(tmp_path_factory.getbasetemp())
    song.seconds = frames / 50
    song.tracks(vocal=codes(frames, 2), instrumental=codes(frames, 2))
    song.segments = list(pairwise(bounds))
    try:
        used = song.used(codec="semanticodec")
    except SongError:
        return
    found = kept(used)
    assert all(start % 8 == end % 8 == 0 for start, end in found)
    assert all(0 <= start < end <= frames for start, end in found)
    for (segment, cut), (following, after) in pairwise(used.sections):
        assert cut.stop <= after.start
        assert (segment.end == following.start) <= (cut.stop == after.start), "still contiguous"
        assert abs(cut.start - segment.start) <= 8
    assert song.used("upstream", codec="semanticodec").sections, "upstream does not snap"


def test_snapping_takes_the_nearest() -> None:
    assert [snap_frame(f, 100, 8) for f in (0, 3, 4, 8, 11, 12, 95, 99, 100)] == [
        0, 0, 8, 8, 8, 16, 96, 96, 96,
    ]  # fmt: skip
    assert snap_frame(37, 100, 1) == 37

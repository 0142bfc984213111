"""Chunks of stage 2: six seconds each, with some variety."""

from __future__ import annotations

import numpy as np
import pytest

from yue.errors import SongError
from yue.tokens.layouts.stage2 import Chunks, chunk_frames, used_chunks
from yue.tokens.row_reader import SongRow
from yue.tokens.vocabulary import codec_range

ROW = SongRow("s:1", "x", {"mixture": "m.npy"})
XCODEC = codec_range("xcodec").first(8)


def codes(frames: int, books: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1024, (books, frames), dtype=np.int16)


def used(array: np.ndarray, compat: str = "strict") -> Chunks:
    return used_chunks(ROW, array, XCODEC, strict=compat == "strict")


@pytest.mark.parametrize(
    ("name", "frames"),
    [("xcodec", 300), ("melrvq", 300), ("dac16k", 300), ("dac44k", 516), ("semanticodec", 296)],
)
def test_a_chunk_is_six_seconds_in_whole_steps(name: str, frames: int) -> None:
    assert chunk_frames(codec_range(name)) == frames


def test_the_rest_belongs_to_no_chunk_and_is_no_loss() -> None:
    array = codes(950, 12)
    found = used(array)
    assert found.dropped == ()
    assert [chunk.shape for chunk in found.codes] == [(8, 300)] * 3
    assert np.array_equal(np.concatenate(found.codes, axis=1), array[:8, :900])


def test_chunks_without_variety_are_named() -> None:
    array = codes(900)
    array[0, 300:600] = np.arange(300) % 24
    found = used(array)
    assert len(found.codes) == 2
    (dropped,) = found.dropped
    assert dropped.what == "s:1, frames 300..600"
    assert "24 different codes of codebook 0" in dropped.reason
    array[0, 300:600] = np.arange(300) % 25
    assert len(used(array).codes) == 3


def test_a_track_without_chunks_is_refused_and_upstream_writes_nothing_of_it() -> None:
    for array, reason in (
        (codes(299), "its 299 frames are less than"),
        (np.zeros((8, 600), int), "1 different"),
    ):
        with pytest.raises(SongError, match="s:1") as error:
            used(array)
        assert error.value.why.startswith(reason)
        found = used(array, "upstream")
        assert found.codes == ()
        assert found.dropped[0].reason.startswith(reason)


def test_faulty_codes_refuse_a_song_and_lose_upstream_a_chunk() -> None:
    array = codes(900)
    array[3, 310] = 1024
    with pytest.raises(SongError, match="codebook 3") as error:
        used(array)
    assert "code 1024 at frame 310" in error.value.why
    found = used(array, "upstream")
    assert len(found.codes) == 2
    assert "code 1024" in found.dropped[0].reason
    few = codes(600, 7)
    with pytest.raises(SongError) as error:
        used(few)
    assert "7 codebooks, and documents carry 8" in error.value.why
    assert used(few, "upstream").codes == ()

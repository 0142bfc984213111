"""The .bin writer: bytes, checksums, refusals, full disks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.native import reference
from yue.errors import NativeError
from yue.native.bin_writer import BinWriter, file_checksums

LIMIT = 92_288


def written(path: Path, sequences: list[np.ndarray], block_bytes: int) -> list[int]:
    with (
        path.open("wb") as stream,
        BinWriter(stream.fileno(), limit=LIMIT, block_bytes=block_bytes) as writer,
    ):
        for sequence in sequences:
            writer.append(sequence)
        assert writer.bytes_appended == 4 * sum(len(s) for s in sequences)
        return writer.checksums()


@given(
    st.lists(st.lists(st.integers(0, LIMIT - 1), max_size=30), max_size=8),
    st.sampled_from([1, 3, 4, 64, 1 << 20]),
    st.sampled_from([np.int32, np.int64, np.uint32]),
)
def test_bytes_and_checksums_are_those_of_numpy(
    tmp_path_factory: pytest.TempPathFactory,
    sequences: list[list[int]],
    block_bytes: int,
    dtype: type[np.integer],
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.bin"
    checksums = written(path, [np.array(s, dtype=dtype) for s in sequences], block_bytes)
    data = np.array([i for s in sequences for i in s], dtype="<i4").tobytes()
    assert path.read_bytes() == data
    blocks = [data[i : i + block_bytes] for i in range(0, len(data), block_bytes)]
    assert checksums == [reference.crc32c(block) for block in blocks]


def test_sequences_longer_than_the_buffer_pass_it_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, LIMIT, n, dtype=np.int32) for n in (300_000, 1, 262_144, 700_001)]
    checksums = written(tmp_path / "a.bin", sequences, 1_000_003)
    assert (tmp_path / "a.bin").read_bytes() == np.concatenate(sequences).tobytes()
    assert checksums == file_checksums(tmp_path / "a.bin", 1_000_003)


def test_a_strided_array_is_written_as_it_reads(tmp_path: Path) -> None:
    ids = np.arange(20, dtype=np.int32)[::-2]
    written(tmp_path / "a.bin", [ids], 64)
    assert (tmp_path / "a.bin").read_bytes() == ids.tobytes()


@pytest.mark.parametrize("bad", [-1, LIMIT, 2**31 - 1, -(2**31)])
def test_nothing_of_a_sequence_with_a_bad_id_is_appended(tmp_path: Path, bad: int) -> None:
    path = tmp_path / "a.bin"
    with path.open("wb") as stream, BinWriter(stream.fileno(), limit=LIMIT) as writer:
        writer.append(np.array([1, 2], dtype=np.int32))
        with pytest.raises(NativeError, match=f"id {bad} at position 1"):
            writer.append(np.array([3, bad, 4], dtype=np.int32))
        writer.append(np.array([5], dtype=np.int32))
    assert np.fromfile(path, "<i4").tolist() == [1, 2, 5]


@pytest.mark.parametrize("ids", [np.zeros((2, 2), np.int32), np.zeros(2, np.float32)])
def test_what_is_no_sequence_is_refused(tmp_path: Path, ids: np.ndarray) -> None:
    with (tmp_path / "a.bin").open("wb") as stream:
        writer = BinWriter(stream.fileno(), limit=9)
        with pytest.raises(NativeError):
            writer.append(ids)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_stays_one() -> None:
    with Path("/dev/full").open("wb", buffering=0) as stream:
        writer = BinWriter(stream.fileno(), limit=LIMIT)
        writer.append(np.zeros(10, np.int32))
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                writer.flush()
        with pytest.raises(OSError, match="No space left"):
            writer.append(np.zeros(10, np.int32))


def test_a_closed_descriptor_is_an_error(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "a.bin", os.O_CREAT | os.O_WRONLY)
    writer = BinWriter(descriptor, limit=LIMIT)
    os.close(descriptor)
    writer.append(np.zeros(10, np.int32))
    with pytest.raises(OSError, match="Bad file descriptor"):
        writer.flush()


def test_a_negative_descriptor_is_refused() -> None:
    with pytest.raises(NativeError):
        BinWriter(-1, limit=LIMIT)
    with pytest.raises(NativeError):
        BinWriter(0, limit=LIMIT, block_bytes=0)


def test_an_exception_in_the_block_writes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with (
        path.open("wb") as stream,
        pytest.raises(RuntimeError),
        BinWriter(stream.fileno(), limit=LIMIT) as writer,
    ):
        writer.append(np.zeros(10, np.int32))
        raise RuntimeError
    assert path.read_bytes() == b""

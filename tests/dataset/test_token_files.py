"""Token files are checked at open, and what happens to them later is an error with a name."""

from __future__ import annotations

import gc
import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.dataset.token_files import TokenFiles
from yue.errors import TokenFileError
from yue.tokens.vocabulary import codec_range

SONGS = [(5, [(3, 60), (2, 55)]), (4, [(1, 70)]), (6, [(2, 50), (3, 52), (1, 61)])]


@pytest.fixture
def prefix(tmp_path: Path, write_songs: Any) -> Path:
    write_songs(tmp_path / "a", SONGS)
    return tmp_path / "a"


def changed(prefix: Path, suffix: str, data: bytes) -> None:
    prefix.with_suffix(suffix).write_bytes(data)


def test_what_was_written_is_read(tmp_path: Path, write_songs: Any) -> None:
    documents = write_songs(tmp_path / "a", SONGS)
    files = TokenFiles.open(tmp_path / "a")
    assert files.documents == 3
    assert files.tokens == sum(len(document.tokens) for document in documents)
    assert files.document_lengths.tolist() == [len(document.tokens) for document in documents]
    for number, document in enumerate(documents):
        lengths = list(document.lengths)
        assert files.sequence_lengths(number).tolist() == lengths
        tokens = files.document(number)
        assert tokens.dtype == np.int32
        assert np.array_equal(tokens, document.tokens)
    files.verify()


def test_every_flipped_bit_of_the_index_is_found(prefix: Path) -> None:
    good = prefix.with_suffix(".idx").read_bytes()
    with prefix.with_suffix(".idx").open("r+b", buffering=0) as stream:
        for bit in range(8 * len(good)):
            byte = good[bit // 8]
            os.pwrite(stream.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
            with pytest.raises(TokenFileError):
                TokenFiles.open(prefix)
            os.pwrite(stream.fileno(), bytes([byte]), bit // 8)
    TokenFiles.open(prefix)


@pytest.mark.parametrize("suffix", [".bin", ".idx", ".json"])
def test_every_truncation_is_found(prefix: Path, suffix: str) -> None:
    good = prefix.with_suffix(suffix).read_bytes()
    # A .json without its last newline is whole.
    for size in range(0, len(good) - (suffix == ".json"), 1 if suffix == ".idx" else 7):
        changed(prefix, suffix, good[:size])
        with pytest.raises(TokenFileError):
            TokenFiles.open(prefix)


@pytest.mark.parametrize("suffix", [".bin", ".idx"])
def test_bytes_too_many_are_found(prefix: Path, suffix: str) -> None:
    changed(prefix, suffix, prefix.with_suffix(suffix).read_bytes() + b"\0\0\0\0")
    with pytest.raises(TokenFileError):
        TokenFiles.open(prefix)


def test_a_cut_bin_is_named_with_the_byte_and_what_to_do(prefix: Path) -> None:
    data = prefix.with_suffix(".bin").read_bytes()
    changed(prefix, ".bin", data[:100])
    with pytest.raises(TokenFileError) as error:
        TokenFiles.open(prefix)
    assert error.value.what == f"{prefix}.bin: 100 bytes, but the index names {len(data)}"
    assert "cut short at byte 100" in error.value.why
    assert "yue mmap" in error.value.fix


@pytest.mark.parametrize(
    ("byte", "place"),
    [(34, "lengths[0]"), (34 + 4 * 9, "pointers[0]"), (34 + 12 * 9, "documents[0]")],
)
def test_a_wrong_element_is_named_with_its_byte(prefix: Path, byte: int, place: str) -> None:
    data = bytearray(prefix.with_suffix(".idx").read_bytes())
    data[byte + (3 if place.startswith("lengths") else 0)] ^= 0x80  # a negative length
    changed(prefix, ".idx", bytes(data))
    with pytest.raises(TokenFileError) as error:
        TokenFiles.open(prefix)
    assert f"damaged at byte {byte}" in error.value.what
    assert place in error.value.why


@pytest.mark.parametrize("suffix", [".bin", ".idx", ".json"])
def test_a_missing_file_is_named(prefix: Path, suffix: str) -> None:
    prefix.with_suffix(suffix).unlink()
    with pytest.raises(TokenFileError, match=rf"a\{suffix}"):
        TokenFiles.open(prefix)


def test_files_of_two_writes_are_not_taken_for_one(
    prefix: Path, tmp_path: Path, write_songs: Any
) -> None:
    songs = [(5, [(3, 55), (2, 60)]), *SONGS[1:]]  # as long, with other sections
    write_songs(tmp_path / "b", songs)
    (tmp_path / "b.idx").replace(prefix.with_suffix(".idx"))
    with pytest.raises(TokenFileError, match="describes other files"):
        TokenFiles.open(prefix)


def test_a_file_cut_while_it_is_open_is_an_error_and_no_signal(prefix: Path) -> None:
    files = TokenFiles.open(prefix)
    last = files.document(2)
    os.truncate(prefix.with_suffix(".bin"), int(files.starts[2]) * 4 + 10)
    assert files.document(1).size, "what is still there is still read"
    with pytest.raises(TokenFileError) as error:
        files.document(2)
    assert f"ends at byte {int(files.starts[2]) * 4 + 10}, within document 2" in error.value.what
    assert last.sum() > 0, "what was read before is memory of its own"


def test_a_file_replaced_while_it_is_open_keeps_its_old_tokens(
    prefix: Path, write_songs: Any
) -> None:
    files = TokenFiles.open(prefix)
    before = [files.document(number).tolist() for number in range(3)]
    write_songs(prefix, SONGS[::-1])
    assert [files.document(number).tolist() for number in range(3)] == before


def test_tokens_outlive_the_files(prefix: Path) -> None:
    files = TokenFiles.open(prefix)
    tokens, lengths = files.document(0), files.sequence_lengths(0)
    del files
    gc.collect()
    assert tokens.sum() > 0
    assert lengths.sum() == len(tokens)


def test_an_id_outside_the_vocabulary_never_reaches_a_model(prefix: Path) -> None:
    data = np.fromfile(prefix.with_suffix(".bin"), "<i4")
    data[7] = 90_000
    changed(prefix, ".bin", data.tobytes())
    files = TokenFiles.open(prefix)
    with pytest.raises(TokenFileError) as error:
        files.document(0)
    assert "id 90000 at byte 28 (token 7 of document 0)" in error.value.what
    assert files.raw_document(0)[7] == 90_000


def test_verify_finds_a_changed_token(prefix: Path) -> None:
    data = bytearray(prefix.with_suffix(".bin").read_bytes())
    data[40] ^= 1
    changed(prefix, ".bin", bytes(data))
    with pytest.raises(TokenFileError, match="damaged in the 67108864 bytes from byte 0"):
        TokenFiles.open(prefix).verify()


def test_documents_are_read_from_many_threads(prefix: Path) -> None:
    files = TokenFiles.open(prefix)
    expected = [files.document(number).tolist() for number in range(3)]
    wrong: list[int] = []

    def read(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 3, 300):
            if files.document(int(number)).tolist() != expected[number]:
                wrong.append(int(number))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_files_travel_to_another_process(prefix: Path) -> None:
    files = TokenFiles.open(prefix)
    copy = pickle.loads(pickle.dumps(files))
    assert copy.document(1).tolist() == files.document(1).tolist()


@pytest.mark.parametrize("number", [-1, 3])
def test_a_document_that_is_not_there_is_an_index_error(prefix: Path, number: int) -> None:
    with pytest.raises(IndexError):
        TokenFiles.open(prefix).document(number)


def test_a_json_of_something_else_is_an_error(prefix: Path) -> None:
    for value in ([], {}, {"layout": "cot"}, {**json.loads(prefix.with_suffix(".json").read_text()),
                                              "song_ids": 5}):  # fmt: skip
        changed(prefix, ".json", json.dumps(value).encode())
        with pytest.raises(TokenFileError, match="not the description of token files"):
            TokenFiles.open(prefix)


def test_other_writers_files_open_when_their_codec_is_named(prefix: Path, tmp_path: Path) -> None:
    """uint16, as other writers choose it, and one byte a sequence at the end (multimodal)."""
    tokens = np.fromfile(prefix.with_suffix(".bin"), "<i4")
    index = bytearray(prefix.with_suffix(".idx").read_bytes())
    sequences = int.from_bytes(index[18:26], "little")
    index[17] = 8
    at = slice(34 + 4 * sequences, 34 + 12 * sequences)
    index[at] = (np.frombuffer(bytes(index[at]), "<i8") // 2).tobytes()
    (tmp_path / "b.bin").write_bytes(tokens.astype("<u2").tobytes())
    (tmp_path / "b.idx").write_bytes(bytes(index) + bytes(sequences))
    with pytest.raises(TokenFileError, match="no such file"):
        TokenFiles.open(tmp_path / "b")
    files = TokenFiles.open(tmp_path / "b", codec=codec_range("xcodec"))
    assert np.array_equal(np.concatenate([files.document(n) for n in range(3)]), tokens)
    assert files.info.documents == 3
    files.verify()


def test_upstreams_files_open(golden: Path) -> None:
    prefix = golden / "expected" / "dummy_cot" / "text_document"
    files = TokenFiles.open(prefix, codec=codec_range("xcodec"))
    assert (files.documents, len(files.lengths), files.tokens) == (4, 20, 34_652)
    everything = np.concatenate([files.document(number) for number in range(4)])
    assert np.array_equal(everything, np.fromfile(prefix.with_suffix(".bin"), "<i4"))

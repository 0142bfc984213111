"""The pair of .bin and .idx: refused ids, order of appearance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.native import reference
from tests.tokens.pairs import write_pair
from yue.errors import NativeError
from yue.tokens.layouts.blocks import Document


def document(*sequences: list[int]) -> Document:
    tokens = np.array([token for s in sequences for token in s], dtype=np.int32)
    return Document(tokens, tuple(map(len, sequences)))


def test_counts_and_checksums_are_those_of_the_bytes(tmp_path: Path) -> None:
    pair = write_pair(tmp_path / "a.v1", [document([1, 2], [3]), document([4])], limit=10)
    assert (pair.documents, pair.sequences, pair.tokens) == (2, 3, 4)
    data = (tmp_path / "a.v1.bin").read_bytes()
    assert np.frombuffer(data, "<i4").tolist() == [1, 2, 3, 4]
    assert pair.checksums.bin == (reference.crc32c(data),)
    assert pair.checksums.idx == reference.crc32c((tmp_path / "a.v1.idx").read_bytes())


def test_no_documents_are_a_pair_too(tmp_path: Path) -> None:
    pair = write_pair(tmp_path / "a", [], limit=10)
    assert (pair.documents, pair.tokens, pair.checksums.bin) == (0, 0, ())
    assert (tmp_path / "a.idx").stat().st_size == 34 + 8


@pytest.mark.parametrize("bad", [-1, 10])
def test_an_id_outside_the_vocabulary_is_never_written(tmp_path: Path, bad: int) -> None:
    with pytest.raises(NativeError, match=f"id {bad} at position 1"):
        write_pair(tmp_path / "a", [document([1]), document([2, bad])], limit=10)
    assert list(tmp_path.iterdir()) == []


def test_the_old_index_goes_before_the_new_tokens_appear(tmp_path: Path) -> None:
    """So an index that is there always belongs to the .bin that is there."""
    write_pair(tmp_path / "a", [document([1, 2, 3])], limit=10)
    (tmp_path / "a.json").write_text("{}")
    old = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def documents() -> Iterator[Document]:
        yield document([4, 5, 6])
        found = {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.startswith(".")}
        assert found == old, "until all documents are there, the old files are"

    write_pair(tmp_path / "a", documents(), limit=10)
    assert not (tmp_path / "a.json").exists(), "it would describe other files"
    assert np.fromfile(tmp_path / "a.bin", "<i4").tolist() == [4, 5, 6]

"""Token files of songs that tests describe by their lengths."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.tokens.pairs import write_pair
from yue.dataset.token_files import TokenFiles
from yue.tokens.layouts.blocks import Document, document_of
from yue.tokens.megatron_files import info_path
from yue.tokens.options import Options
from yue.tokens.pair_info import CodecIdentity, TokenFileInfo, write_info
from yue.tokens.roles import YUE_REFERENCE_MARKER
from yue.tokens.vocabulary import EOA, SOA, codec_range

XCODEC = codec_range("xcodec")
# A song: tokens of its header, then (tokens of lyrics, frames) of each section.
Song = tuple[int, Sequence[tuple[int, int]]]
OPENING, ENDING = 1, 1  # tokens of the markers around a section, here one each


def song_document(song: Song, number: int) -> Document:
    """A CoT document of this shape; its text and codes are random, and its own."""
    header, sections = song
    rng = np.random.default_rng(number)
    sequences = [rng.integers(3, 32_000, header)]
    for lyrics, frames in sections:
        text = rng.integers(3, 32_000, OPENING + lyrics)
        codes = rng.integers(XCODEC.offset, XCODEC.offset + 1024, 2 * frames)
        ending = rng.integers(3, 32_000, ENDING)
        parts = [text, [SOA, *XCODEC.separators], codes, [EOA], ending]
        sequences.append(np.concatenate([np.asarray(part, dtype=np.int64) for part in parts]))
    return document_of([s.astype(np.int32)] for s in sequences)


def _write_songs(prefix: Path, songs: Sequence[Song]) -> list[Document]:
    """Write songs as token files; the documents written."""
    documents = [song_document(song, number) for number, song in enumerate(songs)]
    write_documents(prefix, documents)
    return documents


def write_documents(prefix: Path, documents: Sequence[Document]) -> None:
    """Write documents as token files."""
    pair = write_pair(prefix, documents, limit=XCODEC.rows)
    info = TokenFileInfo(
        options=Options(),
        codec=CodecIdentity("xcodec", "", "50/1", 1),
        vocabulary_rows=XCODEC.rows,
        tokenizer_digest="",
        reference_marker=YUE_REFERENCE_MARKER,
        rows=len(documents),
        documents=pair.documents,
        sequences=pair.sequences,
        tokens=pair.tokens,
        song_ids=tuple(f"song {number}" for number in range(len(documents))),
        rejected=(),
        checksums=pair.checksums,
    )
    write_info(info_path(prefix), info)


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one to be had, else on the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def write_songs() -> Callable[[Path, Sequence[Song]], list[Document]]:
    """Writes songs as token files under a prefix; gives the documents written."""
    return _write_songs


Make = Callable[[Sequence[Song]], tuple[TokenFiles, list[np.ndarray]]]


@pytest.fixture(scope="session")
def make_files(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Writes songs; gives the opened files and each document's tokens."""
    folder = tmp_path_factory.mktemp("songs")
    numbers = itertools.count()

    def make(songs: Sequence[Song]) -> tuple[TokenFiles, list[np.ndarray]]:
        prefix = folder / f"{next(numbers)}"
        documents = _write_songs(prefix, songs)
        files = TokenFiles.open(prefix)
        for path in folder.iterdir():  # the open descriptor is all that is needed from here on
            path.unlink()
        return files, [np.concatenate(document.sequences) for document in documents]

    return make

"""Reference audio in whole documents: upstream's golden ones, and songs of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tokens.decoding import AudioBlock, audio_blocks
from tests.tokens.megatron_reader import MegatronReader
from yue.dataset.token_files import TokenFiles
from yue.tokens.options import AUDIO_PROMPTS, Options
from yue.tokens.row_reader import SongRow, read_rows
from yue.tokens.vocabulary import EOA, SOA, codec_range
from yue.tokens.write_files import write_token_files

Corpus = Any
XCODEC = codec_range("xcodec")


def prompts(files: TokenFiles) -> list[AudioBlock]:
    documents = [files.document(number) for number in range(files.documents)]
    return [audio_blocks(tokens, files.info.shape(tokens))[0] for tokens in documents]


def place_in(pool: np.ndarray, part: np.ndarray) -> int:
    """Where a stretch of one lane starts in the pool; it must be there."""
    windows = np.lib.stride_tricks.sliding_window_view(pool, len(part))
    found = np.flatnonzero((windows == part).all(axis=1))
    assert len(found) == 1, "the prompt is a stretch of the song"
    return int(found[0])


def test_golden_documents_are_equal_but_for_the_prompt(golden: Path, tmp_path: Path) -> None:
    options = Options(layout="icl", compat="upstream")
    write_token_files(
        golden / "ext/ext.jsonl", golden, golden / "tokenizer.model", XCODEC,
        output_prefix=tmp_path / "x", options=options,
    )  # fmt: skip
    ours = MegatronReader(tmp_path / "x").documents()
    theirs = MegatronReader(golden / "expected/ext_icl_dual/x_text_document").documents()
    assert len(ours) == len(theirs) == 8
    for our, their in zip(ours, theirs, strict=True):
        assert len(our) == len(their)
        for one, other in zip(our[1:], their[1:], strict=True):
            assert np.array_equal(one, other), "the same segments"
        heads = []
        for header in (our[0], their[0]):
            start, end = (int(np.flatnonzero(header == token)[0]) for token in (SOA, EOA))
            heads.append((header[: start + 2].tolist(), header[end:].tolist()))
        assert heads[0] == heads[1], "the same head, and the same end of it"
    files = TokenFiles.open(tmp_path / "x")
    rows = {r.id: r for r in read_rows(golden / "ext/ext.jsonl", options) if isinstance(r, SongRow)}
    for song_id, prompt in zip(files.info.song_ids, prompts(files), strict=True):
        row = rows[song_id]
        vocal, instrumental = (
            np.load(golden / row.codes[track])[0] for track in ("vocal", "instrumental")
        )
        first, last = row.segments[0].start, min(row.segments[-1].end, len(vocal))
        starts = {
            place_in(pool[first:last], lane[0])
            for pool, lane in zip((vocal, instrumental), prompt.lanes, strict=True)
        }
        assert len(starts) == 1, "both tracks from one place, vocal first"
        length = prompt.lanes[0].shape[1]
        half = (last - first) // 2
        assert length == half or 20 * 50 <= length <= 40 * 50


@pytest.mark.parametrize("kind", AUDIO_PROMPTS)
def test_a_prompt_is_a_stretch_of_its_tracks_as_long_as_asked_for(
    corpus: Corpus, small_model: Path, tmp_path: Path, kind: str
) -> None:
    corpus.row("a", frames=3000, mixture=True, msa=[{"start": 20, "end": 40, "label": "chorus"}])
    write_token_files(
        corpus.jsonl, corpus.root, small_model, XCODEC, output_prefix=tmp_path / "x",
        options=Options(layout="icl", audio_prompt=kind, prompt_seconds=7.5),
    )  # fmt: skip
    (prompt,) = prompts(TokenFiles.open(tmp_path / "x"))
    names = {"dual": ("vocal", "instrumental"), "inst": ("instrumental",)}.get(kind, (kind,))
    starts = {
        place_in(np.load(corpus.root / f"npy/0.{name}.npy")[0], lane[0])
        for name, lane in zip(names, prompt.lanes, strict=True)
    }
    assert len(starts) == 1
    (start,) = starts
    assert prompt.lanes[0].shape[1] == 375
    assert 1000 <= start <= 2000 - 375, "in the chorus"


def test_semanticodecs_prompts_start_and_end_at_multiples_of_eight(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for number in range(12):
        corpus.row(f"{number}", frames=400 + 3 * number, books=2)
    write_token_files(
        corpus.jsonl, corpus.root, small_model, codec_range("semanticodec"),
        output_prefix=tmp_path / "x", options=Options(layout="icl", prompt_seconds=2.0),
    )  # fmt: skip
    for number, prompt in enumerate(prompts(TokenFiles.open(tmp_path / "x"))):
        vocal = np.load(corpus.root / f"npy/{number}.vocal.npy")
        assert prompt.lanes[0].shape == (2, 96), "2 s in whole steps of 8"
        assert place_in(vocal[0], prompt.lanes[0][0]) % 8 == 0


def test_a_song_without_variety_keeps_its_prompt(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("a", frames=600)
    for role in ("vocal", "instrumental"):
        np.save(corpus.root / f"npy/0.{role}.npy", np.zeros((1, 600), np.int16))
    options = Options(layout="icl", prompt_seconds=3.0)
    write_token_files(
        corpus.jsonl, corpus.root, small_model, XCODEC, output_prefix=tmp_path / "x",
        options=options,
    )  # fmt: skip
    (prompt,) = prompts(TokenFiles.open(tmp_path / "x"))
    assert prompt.lanes[0].shape[1] == 150

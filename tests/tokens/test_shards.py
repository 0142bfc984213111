"""Processes and shards: the files never depend on how many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from yue.errors import TokenFileError
from yue.tokens import shards
from yue.tokens.options import Options
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

Corpus = Any


@pytest.fixture
def songs(corpus: Corpus) -> Corpus:
    """Eleven rows; a blank one, a torn one, one without codes, one id twice."""
    for number in range(4):
        corpus.row(f"{number}", frames=1600 + number, mixture=True)
    corpus.line("")
    corpus.line('{"id": ')
    corpus.row("gone", vocals_codec="none.npy")
    corpus.row("1", frames=1700, mixture=True)
    for number in range(5, 8):
        corpus.row(f"{number}", frames=1600, mixture=True)
    return corpus


def written(songs: Corpus, model: Path, prefix: Path, workers: int, **how: Any) -> dict[str, bytes]:
    write_token_files(
        songs.jsonl,
        songs.root,
        model,
        codec_range("xcodec"),
        output_prefix=prefix,
        workers=workers,
        **how,
    )
    return {path.suffix: path.read_bytes() for path in prefix.parent.iterdir()}


@pytest.mark.parametrize("workers", [2, 7])
def test_any_number_of_processes_writes_the_same_bytes(
    songs: Corpus,
    small_model: Path,
    tmp_path: Path,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = {"options": Options(layout="icl", seed=3)}
    one = written(songs, small_model, tmp_path / "one" / "x", 1, **how)
    assert set(one) == {".bin", ".idx", ".json"}
    monkeypatch.setattr(shards, "SHARD", 1)
    monkeypatch.setattr(shards, "IN_PROCESS", 0)
    assert written(songs, small_model, tmp_path / "many" / "x", workers, **how) == one


@pytest.mark.parametrize("layout", ["interleave", "mix"])
@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_any_size_of_shards_gives_the_same_bytes(
    songs: Corpus,
    small_model: Path,
    tmp_path: Path,
    layout: str,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = {"options": Options(layout=layout, instruction_dropout=0.5)}
    whole = written(songs, small_model, tmp_path / "whole" / "x", 1, **how)
    monkeypatch.setattr(shards, "SHARD", size)
    assert written(songs, small_model, tmp_path / "parts" / "x", 1, **how) == whole


def test_draws_depend_on_the_seed_and_not_on_the_other_songs(
    songs: Corpus, small_model: Path, tmp_path: Path
) -> None:
    how = {"options": Options(layout="icl")}
    everything = written(songs, small_model, tmp_path / "all" / "x", 1, **how)[".bin"]
    alone = written(songs, small_model, tmp_path / "one" / "x", 1, ids=["6"], **how)[".bin"]
    assert alone in everything
    other = written(
        songs, small_model, tmp_path / "two" / "x", 1, options=Options(layout="icl", seed=1)
    )
    assert other[".bin"] != everything


class Deadly(shards.Worker):
    """Its process dies at the first line."""

    def do(self, shard: object) -> list[shards.Outcome]:
        os._exit(3)


def start_deadly(job: shards.Job, folder: Path) -> None:
    shards._process_worker = Deadly(job, job.load_text()), folder


def test_a_process_that_dies_is_an_error_and_leaves_nothing(
    songs: Corpus, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "IN_PROCESS", 0)
    monkeypatch.setattr(shards, "_start_worker", start_deadly)
    with pytest.raises(TokenFileError, match="a worker process died"):
        written(songs, small_model, tmp_path / "out" / "x", 2)
    assert list((tmp_path / "out").iterdir()) == []

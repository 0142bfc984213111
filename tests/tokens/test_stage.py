"""The stage ``mmap`` in a project's folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from yue.dataset.reader import TokenFiles
from yue.errors import CodecError, SongError, YueError
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.stages import mmap

Corpus = Any


@pytest.fixture
def project(tmp_path: Path, small_model: Path, corpus: Corpus) -> Paths:
    """A project whose work folder is the corpus."""
    paths = Paths(tmp_path)
    corpus.root.rename(paths.work)
    corpus.root, corpus.jsonl = paths.work, paths.songs
    paths.codes.mkdir()
    (paths.codes / "codec.json").write_text('{"name": "xcodec", "digest": "abc", "codebooks": 8}')
    (tmp_path / "tokenizer.model").write_bytes(small_model.read_bytes())
    for song in ("a", "b", "c"):
        corpus.row(song)
    return paths


def recipe(**changes: Any) -> Recipe:
    base = default_recipe()
    return dataclasses.replace(
        base,
        data=dataclasses.replace(base.data, max_rejected_share=changes.pop("share", 0.0)),
        codec=dataclasses.replace(base.codec, name="xcodec"),
        tokens=dataclasses.replace(base.tokens, tokenizer="tokenizer.model", **changes),
    )


def split(paths: Paths, **ids: list[str]) -> None:
    paths.split.write_text(json.dumps({"train": [], "valid": [], "test": [], **ids}))


def test_each_split_has_its_songs(project: Paths) -> None:
    split(project, train=["c", "a"], valid=["b"])
    summary = mmap.main(recipe(), project)
    assert {p.name for p in project.tokens.iterdir()} == {
        f"{name}.{suffix}" for name in ("train", "valid") for suffix in ("bin", "idx", "json")
    }
    info = TokenFiles.open(project.tokens / "train").info
    assert info.song_ids == ("a", "c"), "in the order of the rows"
    assert (info.codec.name, info.codec.digest) == ("xcodec", "abc")
    assert TokenFiles.open(project.tokens / "valid").info.song_ids == ("b",)
    assert "train 2 songs" in summary.made
    assert summary.rejected == "nothing"


def test_files_of_a_split_that_is_gone_are_gone(project: Paths) -> None:
    split(project, train=["a", "b"], test=["c"])
    mmap.main(recipe(), project)
    split(project, train=["a", "b", "c"])
    mmap.main(recipe(), project)
    assert {p.stem for p in project.tokens.iterdir()} == {"train"}


def test_a_song_that_no_training_row_can_hold_is_named(project: Paths, corpus: Corpus) -> None:
    corpus.row("long", genres="pop " * 500)
    split(project, train=["a", "long"], valid=["b"])
    tight = dataclasses.replace(recipe().train, context_length=400)
    told = mmap.main(dataclasses.replace(recipe(), train=tight), project).next
    assert "warning: a context of 400 tokens is too short for song 'long'" in told
    assert told.count("warning") == 1
    assert "raise train.context_length" in told
    chopped = dataclasses.replace(tight, packing="chop")
    assert "warning" not in mmap.main(dataclasses.replace(recipe(), train=chopped), project).next


def test_too_many_rejected_songs_fail_and_leave_the_old_files(
    project: Paths, corpus: Corpus
) -> None:
    split(project, train=["a", "b"], valid=["c"])
    mmap.main(recipe(), project)
    before = {p.name: p.read_bytes() for p in project.tokens.iterdir()}
    corpus.row("d", audio_length_in_sec=1)
    split(project, train=["a", "b", "d"], valid=["c"])
    with pytest.raises(SongError, match="1 of 4 songs cannot be used; at most 20% may be"):
        mmap.main(recipe(share=0.2), project)
    assert {p.name: p.read_bytes() for p in project.tokens.iterdir()} == before
    assert "1 song and 0 sections" in mmap.main(recipe(share=0.25), project).rejected


def test_codes_of_another_codec_are_refused(project: Paths) -> None:
    split(project, train=["a"])
    (project.codes / "codec.json").write_text('{"name": "melrvq", "digest": "abc", "codebooks": 8}')
    with pytest.raises(CodecError, match="are of codec 'melrvq', the recipe's codec is 'xcodec'"):
        mmap.main(recipe(), project)
    (project.codes / "codec.json").write_text("[]")
    with pytest.raises(YueError, match="does not say which codec"):
        mmap.main(recipe(), project)


@pytest.mark.parametrize(
    "value", ["[]", '{"train": ["a"]}', '{"train": 1, "valid": [], "test": []}']
)
def test_a_split_of_another_form_is_refused(project: Paths, value: str) -> None:
    project.split.write_text(value)
    with pytest.raises(SongError, match="no lists of song ids"):
        mmap.main(recipe(), project)


def test_an_empty_split_and_a_song_that_is_not_there_are_errors(project: Paths) -> None:
    split(project)
    with pytest.raises(SongError, match="no song in any split"):
        mmap.main(recipe(), project)
    split(project, train=["a", "z"])
    with pytest.raises(SongError, match="the first 'z'"):
        mmap.main(recipe(), project)
    assert not project.tokens.exists()

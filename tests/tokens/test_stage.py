"""The stage ``mmap`` in a project's folder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.folders import folder_digest
from yue.dataset.token_files import TokenFiles
from yue.errors import CodecError, SongError, YueError
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.rejections import Rejected, Rejections, read_rejections, write_rejections
from yue.stages import mmap
from yue.tokens import shards
from yue.tokens.options import Options
from yue.tokens.row_reader import RowLine, parse_line
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

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
    found(paths, 3)
    return paths


def found(paths: Paths, songs: int, *lost: str) -> None:
    """Say how many songs the stages before found, and which they lost."""
    entries = [Rejected(f"{name}.wav", "it is empty", "remove it", name) for name in lost]
    write_rejections(paths.data_report, Rejections(songs).after("convert", entries, left=()))


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
    found(project, 4)
    with pytest.raises(SongError) as caught:
        mmap.main(recipe(share=0.2), project)
    assert caught.value.what.startswith("1 of 4 songs cannot be used (mmap 1)\n    songs.jsonl:4 ")
    assert caught.value.why == "that is 25%, and data.max_rejected_share is 20%"
    assert {p.name: p.read_bytes() for p in project.tokens.iterdir()} == before
    assert read_rejections(project.too_many_rejected, "mmap").lost == 1
    assert mmap.main(recipe(share=0.25), project).rejected.startswith("1 song\n")
    assert read_rejections(project.rejected, "mmap").share == 0.25
    assert not project.too_many_rejected.exists()


def test_what_earlier_stages_lost_counts_too(project: Paths) -> None:
    split(project, train=["a", "b", "c"])
    found(project, 4, "x")
    assert mmap.main(recipe(share=0.25), project).rejected == "nothing"
    with pytest.raises(SongError, match=r"1 of 4 songs cannot be used \(convert 1\)"):
        mmap.main(recipe(share=0.24), project)


@pytest.mark.parametrize("known", [True, False])
def test_a_line_that_cannot_be_read_is_one_song_and_read_once(
    project: Paths, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Each song in a split of its own: the line used to count in each of the three."""
    corpus.line('{"id": "d", "genres": ')
    found(project, 4 if known else 3)
    split(project, train=["a", "d"] if known else ["a"], valid=["b"], test=["c"])
    read = []

    def parse(line: bytes, place: str, options: Options) -> RowLine:
        read.append(place)
        return parse_line(line, place, options)

    monkeypatch.setattr(shards, "parse_line", parse)
    with pytest.raises(SongError, match=r"1 of 4 songs cannot be used \(mmap 1\)"):
        mmap.main(recipe(share=0.24), project)
    assert read == [f"songs.jsonl:{number}" for number in range(1, 5)]
    mmap.main(recipe(share=0.25), project)
    assert (read_rejections(project.rejected, "mmap").share, len(read)) == (0.25, 8)
    infos = [TokenFiles.open(project.tokens / name).info for name in mmap.SPLITS]
    assert [(info.rows, len(info.rejected)) for info in infos] == [(2, 1), (1, 0), (1, 0)]


def test_one_pass_writes_the_bytes_of_a_pass_for_each_split(
    project: Paths,
    corpus: Corpus,
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(40):
        corpus.row(f"song {number}", frames=100 + number)
    corpus.row("gone", vocals_codec="none.npy")
    ids = {
        "train": [f"song {n}" for n in range(0, 40, 2)] + ["b"],
        "valid": [f"song {n}" for n in range(1, 40, 4)] + ["gone"],
        "test": ["song 3", "a", "c"],
    }
    split(project, **ids)
    found(project, 44)
    for name, songs in ids.items():
        write_token_files(
            project.songs,
            project.work,
            small_model,
            codec_range("xcodec"),
            output_prefix=tmp_path / "apart" / name,
            ids=songs,
            codec_digest="abc",
            options=Options(codebooks=1),
        )
    monkeypatch.setattr(shards, "SHARD", 3)
    monkeypatch.setattr(shards, "IN_PROCESS", 0)
    for workers in (1, 2):
        asked = recipe(share=1.0)
        runtime = dataclasses.replace(asked.runtime, workers=workers)
        mmap.main(dataclasses.replace(asked, runtime=runtime), project)
        assert folder_digest(project.tokens) == folder_digest(tmp_path / "apart")


def test_a_piece_that_is_lost_loses_no_song(project: Paths, corpus: Corpus) -> None:
    corpus.row("d#000", piece_of="d")
    corpus.row("d#001", piece_of="d", genres=7)
    corpus.row("e#000", piece_of="e", genres=7)
    corpus.row("e#001", piece_of="e", vocals_codec="none.npy")
    pieces = [f"{song}#00{number}" for song in "de" for number in (0, 1)]
    split(project, train=["a", "b", "c", *pieces])
    found(project, 5)
    mmap.main(recipe(share=0.2), project)
    mmap_rejections = read_rejections(project.rejected, "mmap").at("mmap")
    assert [entry.song_id for entry in mmap_rejections.lost] == ["e#000"]
    assert [entry.song_id for entry in mmap_rejections.partly] == ["d#001", "e#001"]


def test_a_split_that_has_lost_all_its_songs_is_named(project: Paths, corpus: Corpus) -> None:
    corpus.row("d", genres=7)
    split(project, train=["a", "b", "c"], valid=["d"])
    found(project, 4)
    with pytest.raises(SongError, match=r"no song of valid can be used \(1 rejected\)"):
        mmap.main(recipe(share=1.0), project)


def test_a_song_in_two_splits_is_refused(project: Paths) -> None:
    split(project, train=["a", "b"], valid=["b", "c"])
    with pytest.raises(SongError, match="song 'b' is in two splits, train and valid"):
        mmap.main(recipe(), project)


@pytest.mark.parametrize("text", ["[]", '{"rejected": []}', '{"found": {"songs": 1, "rows": -1}}'])
def test_a_report_that_does_not_say_what_was_found_is_refused(project: Paths, text: str) -> None:
    split(project, train=["a"])
    project.data_report.write_text(text)
    with pytest.raises(YueError, match="does not say how many songs were found") as caught:
        mmap.main(recipe(), project)
    assert caught.value.fix == "run the stage 'songs' again: dvc repro songs"


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

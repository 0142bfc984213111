"""songs.jsonl to token files: every good row, every bad one named, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.dataset.token_files import TokenFiles
from yue.errors import NativeError, SongError, TokenFileError, UsageError, YueError
from yue.tokens.options import Options
from yue.tokens.pair_info import TokenFileInfo, read_info
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

XCODEC = codec_range("xcodec")
Corpus = Any


def write(corpus: Corpus, model: Path, prefix: Path, **options: Any) -> TokenFileInfo:
    return write_token_files(
        corpus.jsonl, corpus.root, model, XCODEC, output_prefix=prefix, **options
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_every_song_becomes_a_document_in_order(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for song in ("b", "a", "ü/c"):
        corpus.row(song)
    info = write(corpus, small_model, tmp_path / "out", codec_digest="d")
    assert info.song_ids == ("b", "a", "ü/c")
    assert (info.rows, info.documents, info.sequences) == (3, 3, 9)
    assert (info.options, info.codec.digest) == (Options(), "d")
    assert info.tokenizer_digest == TextTokenizer(small_model).digest
    assert read_info(tmp_path / "out.json") == info
    files = TokenFiles.open(tmp_path / "out")
    files.verify()
    for number in range(3):
        tokens = files.document(number)
        assert (tokens >= XCODEC.offset).sum() == 600
        assert tokens[-1] == 32000


def test_bad_rows_are_named_and_the_good_ones_survive(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("good 1")
    corpus.line("")
    corpus.line('{"id": "torn", "genres": ')
    corpus.row("gone", vocals_codec="npy/none.npy")
    corpus.row("good 2", books=8)
    corpus.row("good 1")  # the same id again
    corpus.row("wrong rate", audio_length_in_sec=100)
    corpus.row("half a character", genres="\ud83d")
    corpus.row("good 3")
    info = write(corpus, small_model, tmp_path / "out")
    assert info.song_ids == ("good 1", "good 2", "good 3")
    assert info.rows == 9
    found = [(entry.what, entry.song_id) for entry in info.rejected]
    assert found == [
        ("songs.jsonl:2", None),
        ("songs.jsonl:3", None),
        ("songs.jsonl:4 (song 'gone')", "gone"),
        ("songs.jsonl:6 (song 'good 1')", "good 1"),
        ("songs.jsonl:7 (song 'wrong rate')", "wrong rate"),
        ("songs.jsonl:8 (song 'half a character')", "half a character"),
    ]
    assert all(entry.reason and entry.fix for entry in info.rejected)
    assert "an earlier row has the same id" in info.rejected[3].reason


def test_the_share_of_rejected_rows_decides(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for song in ("a", "b", "c"):
        corpus.row(song)
    corpus.line("")
    (out := tmp_path / "out").mkdir()
    assert write(corpus, small_model, out / "x", max_rejected_share=0.25).documents == 3
    before = files_of(out)
    with pytest.raises(SongError) as error:
        write(corpus, small_model, out / "x", max_rejected_share=0.24)
    assert "1 of 4 songs cannot be used (mmap 1)" in error.value.what
    assert "songs.jsonl:4: the line is blank" in error.value.what
    assert error.value.why == "that is 25%, and --max-rejected-share is 24%"
    assert files_of(out) == before, "nothing is written, nothing is lost"
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError):
            write(corpus, small_model, out / "x", max_rejected_share=share)


def test_only_the_wanted_songs_are_written(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for song in ("a", "b", "c"):
        corpus.row(song)
    corpus.row("bad", genres=None)
    info = write(corpus, small_model, tmp_path / "out", ids=["c", "a"])
    assert info.song_ids == ("a", "c")
    assert info.rejected == ()
    with pytest.raises(SongError, match=r"1 wanted song\(s\) are not there, the first 'z'"):
        write(corpus, small_model, tmp_path / "out", ids=["a", "z"])
    with pytest.raises(SongError, match="no song can be used"):
        write(corpus, small_model, tmp_path / "out", ids=["bad"])


def test_nothing_appears_when_no_row_can_be_used(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.line("{}")
    (out := tmp_path / "out").mkdir()
    with pytest.raises(SongError, match=r"no song can be used \(1 rejected\)"):
        write(corpus, small_model, out / "x")
    assert files_of(out) == {}


def test_files_are_a_function_of_the_rows(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("a")
    corpus.row("b", vocals_codec="npy/none.npy")
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        write(corpus, small_model, folder / "x")
    assert files_of(folders[0]) == files_of(folders[1])
    assert str(tmp_path) not in (folders[0] / "x.json").read_text()


def test_an_exception_leaves_the_old_files(
    corpus: Corpus, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.row("a")
    (out := tmp_path / "out").mkdir()
    write(corpus, small_model, out / "x")
    before = files_of(out)
    corpus.row("b")

    def fail(*_: object, **__: object) -> None:
        raise NativeError("no")

    monkeypatch.setattr("yue.tokens.layouts.blocks.interleave", fail)
    with pytest.raises(YueError):
        write(corpus, small_model, out / "x")
    assert files_of(out) == before


def test_a_folder_that_cannot_be_written_is_an_error(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("a")
    (tmp_path / "file").touch()
    with pytest.raises(TokenFileError, match="cannot be written"):
        write(corpus, small_model, tmp_path / "file" / "x")


def independent_reader(prefix: Path) -> list[list[np.ndarray]]:
    """Documents of sequences, by the published table and NumPy alone."""
    data = prefix.with_suffix(".idx").read_bytes()
    assert data[:9] == b"MMIDIDX\0\0"
    version = np.frombuffer(data, "<u8", 1, 9)[0]
    sequences, marks = np.frombuffer(data, "<u8", 2, 18).astype(int)
    assert (version, data[17]) == (1, 4)
    lengths = np.frombuffer(data, "<i4", sequences, 34)
    pointers = np.frombuffer(data, "<i8", sequences, 34 + 4 * sequences)
    documents = np.frombuffer(data, "<i8", marks, 34 + 12 * sequences)
    assert len(data) == 34 + 12 * sequences + 8 * marks
    tokens = prefix.with_suffix(".bin").read_bytes()
    found = [np.frombuffer(tokens, "<i4", n, p) for n, p in zip(lengths, pointers, strict=True)]
    return [found[a:b] for a, b in pairwise(documents)]


def test_a_megatron_reader_sees_the_same_songs(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for number in range(4):
        corpus.row(f"song {number}", frames=100 + 50 * number)
    write(corpus, small_model, tmp_path / "out")
    files = TokenFiles.open(tmp_path / "out")
    documents = independent_reader(tmp_path / "out")
    assert len(documents) == files.documents == 4
    for number, sequences in enumerate(documents):
        assert [len(s) for s in sequences] == files.sequence_lengths(number).tolist()
        assert np.array_equal(np.concatenate(sequences), files.document(number))


WRITE_FOR_EVER = """
import sys
from pathlib import Path
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files
jsonl, root, model, prefix = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    for ids in (None, ["song 0"]):
        write_token_files(jsonl, root, model, codec_range("xcodec"), output_prefix=prefix, ids=ids)
        print("written", flush=True)
"""


@pytest.mark.long
def test_a_killed_writer_leaves_whole_files_or_a_clean_error(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    for number in range(3):
        corpus.row(f"song {number}")
    prefix = tmp_path / "out" / "x"
    arguments = [str(p) for p in (corpus.jsonl, corpus.root, small_model, prefix)]
    whole = 0
    for kill in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, *arguments], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        # In turn while the first write goes on, and, on a machine of any speed, after it.
        awaited = ["ready", "written"][: 1 + kill % 2]
        assert [process.stdout.readline().strip() for _ in awaited] == awaited
        time.sleep(kill // 2 * 0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        try:
            files = TokenFiles.open(prefix)
        except TokenFileError:
            continue
        files.verify()
        assert files.documents in (1, 3)
        whole += 1
    assert whole, "some kills leave a complete set"
    leftovers = [p for p in prefix.parent.iterdir() if p.suffix == ".tmp"]
    info = write(corpus, small_model, prefix)
    assert TokenFiles.open(prefix).info == info
    assert len(leftovers) <= 10


def test_upstreams_mode_lets_lyrics_speak_in_control_ids(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("a", genres="pop <EOD>")
    ends = []
    for compat in ("strict", "upstream"):
        write(corpus, small_model, tmp_path / compat, options=Options(compat=compat))
        ends.append(int((TokenFiles.open(tmp_path / compat).document(0) == 32000).sum()))
    assert ends == [1, 2]


def test_the_json_is_for_reading_by_other_programs(
    corpus: Corpus, small_model: Path, tmp_path: Path
) -> None:
    corpus.row("a")
    write(corpus, small_model, tmp_path / "out")
    value = json.loads((tmp_path / "out.json").read_text())
    assert value["codec"] == {
        "name": "xcodec", "digest": "", "frame_rate": "50/1", "codebooks": 1
    }  # fmt: skip
    assert value["options"]["layout"] == "cot"
    assert value["tokens"] * 4 == (tmp_path / "out.bin").stat().st_size

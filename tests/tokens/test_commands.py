"""``yue mmap``, ``yue count`` and ``yue inspect`` as a user runs them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.cli import main
from yue.recipe.read import read_recipe
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

Corpus = Any
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def prefix(corpus: Corpus, small_model: Path, tmp_path: Path) -> Path:
    corpus.row("first")
    corpus.row("second \x1b[31m", genres="rock \x07")
    write_token_files(
        corpus.jsonl, corpus.root, small_model, codec_range("xcodec"), output_prefix=tmp_path / "t"
    )
    return tmp_path / "t"


@pytest.fixture(autouse=True)
def _outside_any_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capture: Capture, *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    return code, *capture.readouterr()


def test_mmap_works_without_a_project(
    corpus: Corpus, small_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    corpus.row("a")
    corpus.line("")
    flags = ["--songs", corpus.jsonl, "--root", corpus.root, "--tokenizer", small_model]
    flags += ["--codec-type", "xcodec", "--output-prefix", tmp_path / "out" / "x"]
    code, out, _ = run(capsys, "mmap", *flags)
    assert code == 0
    assert "1 song," in out
    assert "songs.jsonl:2: the line is blank" in out
    assert (tmp_path / "out" / "x.idx").exists()
    code, _, err = run(capsys, "mmap", *flags, "--max-rejected-share", "0.4")
    assert code == 1
    assert "1 of 2 songs cannot be used" in err


def test_mmap_says_which_flags_are_missing(capsys: Capture) -> None:
    code, _, err = run(capsys, "mmap", "--songs", "x.jsonl", "--layout", "cot")
    assert code == 2
    assert "mmap also needs --output-prefix, --codec-type, --tokenizer" in err


def test_count_adds_up(prefix: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "count", "--json", prefix, prefix.with_suffix(".bin"))
    value = json.loads(out)
    assert code == 0
    (one, two), total = value["files"], value["total"]
    assert (one["documents"], one["sequences"]) == (2, 6)
    assert one["tokens"] == two["tokens"] == (prefix.with_suffix(".bin")).stat().st_size // 4
    assert total == {k: 2 * one[k] for k in ("documents", "sequences", "tokens")}
    _, out, _ = run(capsys, "count", prefix)
    assert f"{one['tokens']:,}" in out


def test_join_makes_one_of_several(prefix: Path, tmp_path: Path, capsys: Capture) -> None:
    both = tmp_path / "both"
    code, out, _ = run(capsys, "join", prefix, prefix.with_suffix(".idx"), "--output-prefix", both)
    assert code == 0
    assert f"join: {both}.bin and .idx: 2 token files, 4 songs" in out
    value = json.loads(run(capsys, "count", "--json", both, prefix)[1])
    joined, one = value["files"]
    assert joined["tokens"] == 2 * one["tokens"]
    code, _, err = run(capsys, "join", both, "--output-prefix", both)
    assert code == 2
    assert "name one or more files, and an output that is none of them" in err


def test_count_of_nothing_is_an_error(tmp_path: Path, capsys: Capture) -> None:
    code, _, err = run(capsys, "count", tmp_path / "none")
    assert code == 1
    assert "none.idx: cannot be read" in err


def test_inspect_shows_a_document(prefix: Path, small_model: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "inspect", prefix, "--tokenizer", small_model)
    assert code == 0
    assert "document 0: song 'first'" in out
    assert "Generate music from the given lyrics segment by segment." in out
    assert "section 2  0:03.0-0:06.0" in out
    assert re.search(r"<SOA> <xcodec> v\d+ i\d+ v\d+ .* more codes <EOA> \[end_of_segment\]", out)
    assert "nothing odd" in out
    assert "\x1b" not in out, "plain where it is no terminal"
    _, out, _ = run(capsys, "inspect", prefix)
    assert "text ids)" in out


def test_inspect_shows_what_the_loss_counts(
    prefix: Path, small_model: Path, capsys: Capture
) -> None:
    words = ["inspect", prefix, "--tokenizer", small_model, "--loss-on", "vocal"]
    _, out, _ = run(capsys, *words)
    assert re.search(r"<SOA> <xcodec> { v\d+ } i\d+ { v\d+ } i\d+", out)
    assert "300 learnt" in out
    assert out.count("learnt 150") == 2
    _, out, _ = run(capsys, *words, "instrumental")
    assert re.search(r"<xcodec> { v\d+ i\d+ v\d+ .* more codes } <EOA>", out)
    assert "the loss counts what is between { and }: vocal, instrumental" in out
    _, out, _ = run(capsys, *words, "--json")
    value = json.loads(out)
    assert value["loss_on"] == ["vocal"]
    learnt = [
        role for role, is_learnt in zip(value["roles"], value["learnt"], strict=True) if is_learnt
    ]
    assert learnt == ["vocal"] * 300
    assert run(capsys, *words[:-1], "codebook_0")[0] == 0


def test_inspect_shows_how_training_cuts_a_document(prefix: Path, capsys: Capture) -> None:
    def last_line(context: int) -> str:
        code, out, _ = run(capsys, "inspect", prefix, "--context", str(context))
        assert code == 0
        return out.strip().splitlines()[-1]

    whole = re.fullmatch(
        r"a context of 1,000 tokens takes it in 1 piece: \[0\.\.(\d+)\)", last_line(1000)
    )
    assert whole
    cut = r"\[0\.\.(\d+)\)  \(0\.\.\d+\)\+\[\1\.\.(\d+)\)"
    found = re.search(rf"takes it in 2 pieces, \(repeated\)\+\[new\): {cut}", last_line(500))
    assert found
    assert found[2] == whole[1]
    assert last_line(20) == "a context of 20 tokens is too short for song 'first'"


def test_inspect_takes_the_loss_mask_of_the_projects_recipe(
    prefix: Path, capsys: Capture, tmp_path: Path
) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "demo.yaml"
    (tmp_path / "params.yaml").write_text(recipe.read_text())
    _, out, _ = run(capsys, "inspect", prefix)
    learnt = ", ".join(read_recipe(recipe).train.loss_on)
    assert f"between {{ and }}: {learnt}\n" in out


LAYOUTS = {
    "icl": ("header", "section", "section", "prompt "),
    "interleave": ("section", "section", "vocal "),
    "mix": ("section", "section", "codebook_0 "),
    "stage2": ("chunk", "codebook_7 "),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_shown_and_checked(
    corpus: Corpus, small_model: Path, tmp_path: Path, capsys: Capture, layout: str
) -> None:
    corpus.row("a", frames=320, books=8, mixture=True)
    flags = ["--songs", corpus.jsonl, "--root", corpus.root, "--tokenizer", small_model]
    flags += ["--codec-type", "xcodec", "--output-prefix", tmp_path / "x", "--layout", layout]
    assert run(capsys, "mmap", *flags)[0] == 0
    _, out, _ = run(capsys, "inspect", tmp_path / "x", "--tokenizer", small_model)
    *kinds, role = LAYOUTS[layout]
    assert f"layout {layout} (strict)" in out
    assert role in out
    assert "nothing odd" in out
    _, out, _ = run(capsys, "inspect", tmp_path / "x", "--json")
    value = json.loads(out)
    assert [s["kind"] for s in value["sequences"]] == kinds
    seconds = [s["seconds"] for s in value["sequences"] if s["seconds"]]
    assert seconds == ([[0, 6]] if layout == "stage2" else [[0, 3.2], [3.2, 6.4]])
    assert run(capsys, "inspect", tmp_path / "x", "--check")[0] == 0


def test_inspect_never_lets_songs_drive_the_terminal(
    prefix: Path, small_model: Path, capsys: Capture
) -> None:
    _, out, _ = run(capsys, "inspect", prefix, "--document", "1", "--tokenizer", small_model)
    assert "\x1b" not in out
    assert "\x07" not in out
    assert r"second \x1b[31m" in out


def test_inspect_answers_programs(prefix: Path, small_model: Path, capsys: Capture) -> None:
    words = ["inspect", prefix, "--document", "1", "--json", "--tokenizer", small_model]
    _, out, _ = run(capsys, *words)
    value = json.loads(out)
    assert (value["number"], value["song_id"], value["faults"]) == (1, "second \x1b[31m", [])
    assert len(value["tokens"]) == len(value["roles"])
    assert [s["kind"] for s in value["sequences"]] == ["header", "section", "section"]
    assert [s["seconds"] for s in value["sequences"]] == [None, [0, 3], [3, 6]]
    assert value["sequences"][1]["roles"]["vocal"] == 150
    assert value["sequences"][-1]["stop"] == len(value["tokens"])


def test_inspect_refuses_another_tokenizer_and_another_document(
    prefix: Path, small_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    code, _, err = run(capsys, "inspect", prefix, "--document", "2")
    assert code == 2
    assert "has 2 documents" in err
    other = tmp_path / "other.model"
    other.write_bytes(small_model.read_bytes() + b"\xa0\x06\x00")  # an unknown field more
    code, _, err = run(capsys, "inspect", prefix, "--tokenizer", other)
    assert code == 2
    assert "other.model is not the tokenizer of" in err


def test_inspect_check_reads_everything(prefix: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "inspect", prefix, "--check")
    assert code == 0
    assert "nothing odd" in out
    tokens = np.fromfile(prefix.with_suffix(".bin"), "<i4")
    tokens[-1] = 5
    prefix.with_suffix(".bin").write_bytes(tokens.tobytes())
    code, _, err = run(capsys, "inspect", prefix, "--check")
    assert code == 1
    assert "CRC-32C" in err
    prefix.with_suffix(".json").unlink()
    code, out, err = run(capsys, "inspect", prefix, "--check", "--codec-type", "xcodec")
    assert code == 1
    assert "document 1 (#1), token" in out
    assert "does not end in <EOD>" in out
    code, out, _ = run(capsys, "inspect", prefix, "--document", "1", "--codec-type", "xcodec")
    assert code == 0
    assert "odd at token" in out


def on_a_terminal(words: list[str], **environment: str) -> str:
    """What a command prints when its output is a terminal."""
    main_end, command_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "yue", *words],
        stdout=command_end,
        env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **environment},
    )
    os.close(command_end)
    parts = []
    try:
        while part := os.read(main_end, 4096):
            parts.append(part)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(main_end)
    assert process.wait() == 0
    return b"".join(parts).decode()


def test_roles_are_coloured_on_a_terminal_and_only_there(prefix: Path) -> None:
    shown = on_a_terminal(["inspect", str(prefix)])
    assert re.search(r"\x1b\[35mv\d+\x1b\[0m \x1b\[34mi\d+\x1b\[0m", shown)
    assert "\x1b" not in on_a_terminal(["inspect", str(prefix)], NO_COLOR="1")


def test_the_light_verbs_never_import_torch(prefix: Path) -> None:
    for words in (
        ["count", str(prefix)],
        ["inspect", str(prefix), "--check"],
        ["mmap", "--songs", "x"],
    ):
        code = (
            f"from yue.cli import main; main({words!r}); "
            "import sys; sys.exit('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert done.returncode == 0, words

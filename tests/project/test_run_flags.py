"""`yue pipeline` and `yue preprocess`: projects made from flags."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from ruamel.yaml import YAML

from yue.audio.converted_tracks import Stems, read_tracks, write_stems
from yue.cli import main
from yue.files import write_json, write_jsonl
from yue.paths import Paths
from yue.project.run_flags import adopt_arrays, skipped_stages
from yue.recipe.read import read_recipe
from yue.rejections import Rejections, read_rejections, write_rejections
from yue.songs.stage_results import read_inputs

RATE = 16_000


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    time = np.arange(2 * RATE) / RATE
    for pitch in (220, 330):
        soundfile.write(folder / f"{pitch}.wav", 0.3 * np.sin(2 * np.pi * pitch * time), RATE)
    return folder


def flags(songs: Path, project: Path, *more: str) -> list[str]:
    words = ["pipeline", "--input-dir", str(songs), "--output-dir", str(project), *more]
    return [*words, "--dry-run"]


def test_flags_become_the_active_recipe(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "tokenizer.model").touch()
    project = tmp_path / "run"
    more = ["--codec-type", "xcodec", "--epochs", "3", "--batch-size", "4", "--lora-r", "8"]
    assert main(flags(songs, project, "--model", "model", *more)) == 0
    recipe = read_recipe(project / "params.yaml")
    assert recipe.name == "pipeline"
    assert recipe.data.songs_dir == str(songs)
    assert recipe.model.path == str(model)
    assert recipe.tokens.tokenizer == str(model / "tokenizer.model")
    assert (recipe.codec.name, recipe.lora.r, recipe.train.epochs) == ("xcodec", 8, 3)
    assert recipe.train.batch_size == 4
    # Again with another value: the same project goes on with it.
    assert main(flags(songs, project, "--model", "model", *more[:-1], "16")) == 0
    assert read_recipe(project / "params.yaml").lora.r == 16


def test_a_model_that_a_project_fetches_stays_relative_to_it(songs: Path, tmp_path: Path) -> None:
    project = tmp_path / "run"
    model = "models/YuE-s1-7B-anneal-en-icl"
    assert main(flags(songs, project, "--model", model)) == 0
    assert read_recipe(project / "params.yaml").model.path == model
    header = (project / "recipes" / "pipeline.yaml").read_text().split("\n\n")[0]
    assert header.splitlines()[1:] == [
        "# Written by `yue pipeline` from the recipe yue-s1-lora and its flags."
    ]


def test_edits_of_a_project_are_not_lost(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "run"
    assert main(flags(songs, project, "--recipe", "own-songs")) == 0
    params = project / "params.yaml"
    edited = params.read_text().replace("  r: 8 ", "  r: 5 ")
    params.write_text(edited)
    assert main(flags(songs, project, "--recipe", "own-songs", "--lora-r", "6")) == 2
    assert "lora.r is 5" in capsys.readouterr().err
    assert params.read_text() == edited


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "--model"),
        (["--recipe", "own-songs", "--skip-steps", "convrt"], "cannot skip convrt"),
        (["--model", "models/typo"], "model.path (--model): models/typo does not exist"),
        (["--recipe", "none-such"], "none-such"),
        (["--recipe", "own-songs", "--batch-size", "5"], "micro_batch_size"),
    ],
)
def test_wrong_words_leave_nothing_behind(
    songs: Path, tmp_path: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(songs, tmp_path / "run", *more)) == 2
    text = capsys.readouterr().err
    assert words in text
    assert "fix:" in text
    assert not (tmp_path / "run").exists()


def test_steps_of_the_scripts_before_are_stages() -> None:
    assert skipped_stages(["convert", "count"]) == ("convert",)
    assert skipped_stages(["train"]) == ("train", "evaluate", "generate", "report")


def test_a_skipped_step_needs_its_result(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = flags(songs, tmp_path / "run", "--recipe", "own-songs", "--skip-steps", "convert")
    assert main(words[:-1]) == 2
    text = capsys.readouterr().err
    assert "work/audio is not there" in text
    assert "skipped" in text


def test_arrays_are_taken_in_with_their_rows(songs: Path, tmp_path: Path) -> None:
    converted = tmp_path / "converted"
    assert main(["convert", "--input-dir", str(songs), "--output-dir", str(converted)]) == 0
    (songs / "songs.jsonl").write_text("{}\n\n{}\n")
    adopt_arrays(converted, tmp_path / "project" / "work" / "audio", songs)
    folder = tmp_path / "project" / "work"
    rows = [
        json.loads(line) for line in (folder / "audio" / "audio.jsonl").read_text().splitlines()
    ]
    assert [row["song_id"] for row in rows] == ["220", "330"]
    for row in rows:
        assert np.load(folder / row["path"]).shape == (2 * RATE,)
    record = read_rejections(folder / "audio" / "rejected.json", "convert")
    assert (record.songs, record.rows, record.lost) == (2, 2, 0)
    (converted / "rejected.json").unlink()
    adopt_arrays(converted, tmp_path / "project" / "work" / "audio", converted)
    assert read_rejections(folder / "audio" / "rejected.json", "convert") == Rejections(2)


@pytest.mark.parametrize("cut", [[], ["--segment-length", "1"]])
def test_arrays_alone_say_which_songs_they_are_of(
    songs: Path, tmp_path: Path, cut: list[str]
) -> None:
    (songs / "album").mkdir()
    (songs / "220.wav").rename(songs / "album" / "two words (demo).wav")
    arrays, project = tmp_path / "arrays", Paths(tmp_path / "project")
    assert main(["convert", "--input-dir", str(songs), "--output-dir", str(arrays), *cut]) == 0
    adopt_arrays(arrays, project.audio, arrays)
    rows = read_tracks(project.audio / "audio.jsonl")
    stems = Stems("", "v.npy", "i.npy", None, 16000, 16000, 1.0, "stems", (), 0.0)
    made = [replace(stems, song_id=row.song_id) for row in rows]
    write_stems(project.stems / "stems.jsonl", made)
    write_jsonl(project.codes / "codes.jsonl", [])
    write_rejections(project.codes / "rejected.json", Rejections(2))
    write_json(project.codes / "codec.json", {"name": "melrvq", "frame_rate": "50/1"})
    read = read_inputs(arrays, project)
    assert {song: len(pieces) for song, pieces in read.songs.items()} == {
        "330": 2 if cut else 1,
        "album/two words (demo)": 2 if cut else 1,
    }
    assert read.tracks["album/two words (demo)"] == ("album/two words (demo).wav",)


def test_a_project_in_its_own_songs_folder_is_refused(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = tmp_path / "arrays"
    assert main(["convert", "--input-dir", str(songs), "--output-dir", str(arrays)]) == 0
    words = ["preprocess", "--data-dir", str(arrays), "--codec-type", "melrvq"]
    assert main([*words, "--output-dir", str(arrays / "out")]) == 2
    assert "lies in" in capsys.readouterr().err
    assert not (arrays / "out").exists()


def test_a_folder_without_arrays_is_refused(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["preprocess", "--data-dir", str(songs), "--codec-type", "melrvq"]
    assert main([*words, "--output-dir", str(tmp_path / "out")]) == 2
    assert "yue convert" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("existing", [False, True])
def test_a_dry_run_with_skipped_steps_names_the_command_that_skips_them(
    songs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, existing: bool
) -> None:
    project, recipe = tmp_path / "run", ("--recipe", "own-songs")
    if existing:
        assert main(flags(songs, project, *recipe)) == 0
        assert f"next: cd {project} && dvc repro\n" in capsys.readouterr().out
    assert main(flags(songs, project, *recipe, "--skip-steps", "convert", "train")) == 0
    (told,) = [line for line in capsys.readouterr().out.splitlines() if "next:" in line]
    assert "the same command without --dry-run" in told
    assert "convert, train, evaluate, generate, report" in told
    stages = set(YAML(typ="safe").load((project / "dvc.yaml").read_text())["stages"])
    assert stages == {"validate", "inputs", "separate", "tokenize", "songs", "mmap"}


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name means something to a shell."""
    folder = tmp_path / "my songs $1 'x' `y` ü"
    folder.mkdir()
    return folder


def printed(text: str, start: str) -> str:
    """The command that a message names, from its first word to the end of the line."""
    line = [line for line in text.splitlines() if start in line][-1]
    return line[line.index(start) :]


def shell(command: str, folder: Path) -> str:
    root = Path(__file__).resolve().parents[2]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_printed_commands_run_as_printed(
    songs: Path, odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = odd / "run"
    assert main(flags(songs, project, "--recipe", "own-songs")) == 0
    told = printed(capsys.readouterr().out, "cd ").replace("dvc repro", "pwd")
    assert shell(told, odd) == f"{project}\n"

    assert main(["init", str(project)]) == 2
    assert "nothing changed" in shell(printed(capsys.readouterr().err, "yue init"), odd)

    arrays = odd / "arrays"
    arrays.mkdir()
    words = ["preprocess", "--data-dir", str(arrays), "--output-dir", str(odd / "new")]
    assert main([*words, "--codec-type", "melrvq"]) == 2
    told = printed(capsys.readouterr().err, "yue convert").replace("SONGS", str(songs))
    assert f"2 songs, 2 tracks in {arrays}" in shell(told, odd)

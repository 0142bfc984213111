"""`yue use`, `validate`, `recipes` and `schema` as a user meets them."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.recipe.conftest import ROOT
from yue.cli import main
from yue.project.pipeline_files import NOTES
from yue.recipe.read import read_recipe
from yue.recipe.schema import keys, schema

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the recipes in it, entered."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def yue(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb; its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        text = capsys.readouterr()
        return code, text.out, text.err

    return run


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_use_writes_the_recipe_by_path_or_by_name(project: Path, yue: Run) -> None:
    code, out, _ = yue("use", "recipes/own-songs.yaml")
    assert (code, out.splitlines()[0]) == (
        0,
        "use: recipes/own-songs.yaml is the active recipe (params.yaml)",
    )
    params = project / "params.yaml"
    assert read_recipe(params) == read_recipe(project / "recipes" / "own-songs.yaml")
    text = params.read_bytes()
    params.unlink()
    assert yue("use", "own-songs")[0] == 0
    assert params.read_bytes() == text


def test_a_folder_does_not_hide_the_recipe_of_its_name(project: Path, yue: Run) -> None:
    (project / "demo").mkdir()
    (project / "demo" / "dvc.yaml").touch()
    assert yue("use", "demo")[0] == 0
    (project / "recipes" / "demo.yaml").unlink()
    code, _, err = yue("use", "demo")
    assert (code, "dvc.yaml" in err) == (2, False)
    assert "demo is a folder, not a recipe\n  fix: name a file: `yue recipes` lists" in err


def test_use_replaces_an_untouched_recipe_without_a_word(project: Path, yue: Run) -> None:
    assert yue("use", "demo")[0] == 0
    assert yue("use", "own-songs")[0] == 0
    assert yue("use", "demo")[0] == 0
    assert (project / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_use_never_loses_edits_silently(project: Path, yue: Run) -> None:
    yue("use", "demo")
    params = project / "params.yaml"
    edit(params, "  r: 8 ", "  r: 16 ")
    edit(params, "  lr: 0.008 ", "  lr: 0.001 ")
    before = params.read_bytes()
    code, _, err = yue("use", "own-songs")
    assert code == 2
    assert err.splitlines() == [
        "yue use: params.yaml was edited since `yue use recipes/demo.yaml`: "
        "lora.r is 16, not 8; train.lr is 0.001, not 0.008",
        "  why: these edits, or values that an experiment has set, would be lost",
        "  fix: keep it as a recipe of its own (cp params.yaml recipes/mine.yaml), or give --force",
    ]
    assert params.read_bytes() == before
    (project / "recipes" / "mine.yaml").write_bytes(before)  # the fix
    (project / "recipes" / "broken.yaml").write_text("[")
    assert yue("use", "own-songs")[0] == 0, "nothing is lost"
    assert read_recipe(params).name == "own-songs"
    (project / "recipes" / "mine.yaml").unlink()
    params.write_bytes(before)
    assert yue("use", "own-songs", "--force")[0] == 0
    assert read_recipe(params).name == "own-songs"


def test_edits_saved_as_a_recipe_become_active_without_force(project: Path, yue: Run) -> None:
    yue("use", "demo")
    edit(project / "params.yaml", "  r: 8 ", "  r: 16 ")
    shutil.copy(project / "params.yaml", project / "recipes" / "mine.yaml")
    assert yue("use", "mine")[0] == 0
    text = (project / "params.yaml").read_text()
    assert text.count("Active recipe") == 1
    assert "# Active recipe: recipes/mine.yaml sha256:" in text
    assert read_recipe(project / "params.yaml").lora.r == 16
    assert yue("use", "demo")[0] == 0


@pytest.mark.parametrize("damage", ["a: [", "lora:\n  r: 4\n"])
def test_use_spares_a_params_file_that_is_not_its_own(project: Path, yue: Run, damage: str) -> None:
    params = project / "params.yaml"
    params.write_text(damage)
    code, _, err = yue("use", "demo")
    assert code == 2
    assert "params.yaml would be lost" in err
    assert params.read_text() == damage
    assert yue("use", "demo", "--force")[0] == 0


def test_use_refuses_a_faulty_recipe_and_changes_nothing(project: Path, yue: Run) -> None:
    yue("use", "demo")
    before = (project / "params.yaml").read_bytes()
    edit(project / "recipes" / "own-songs.yaml", "  lr: 0.001 ", "  lr: no ")
    code, _, err = yue("use", "own-songs")
    assert code == 2
    assert re.search(r"recipes/own-songs.yaml:\d+:7: train.lr: no: must be a number", err)
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dmeo.yaml", "dmeo.yaml: no such file"),
        ("recipes", "recipes is a folder, not a recipe"),
    ],
)
def test_use_of_something_else(project: Path, yue: Run, name: str, words: str) -> None:
    yue("use", "demo")
    code, _, err = yue("use", name)
    assert code == 2
    assert words in err


def test_validate_writes_the_same_marker_for_any_valid_recipe(project: Path, yue: Run) -> None:
    marker = project / "work" / "recipe.ok"
    contents = set()
    for name in ("demo", "own-songs"):
        yue("use", name)
        code, out, _ = yue("validate")
        assert code == 0
        assert out.splitlines()[0] == (
            f"validate: params.yaml is the recipe {name}: {len(keys())} keys, no faults"
        )
        contents.add(marker.read_bytes())
    assert len(contents) == 1


def test_validate_of_a_faulty_recipe_writes_no_marker(project: Path, yue: Run) -> None:
    yue("use", "demo")
    edit(project / "params.yaml", "  r: 8 ", "  r: abc ")
    edit(project / "params.yaml", "  mono: true ", "  mono: yes ")
    code, _, err = yue("validate")
    assert code == 2
    assert err.startswith("yue validate: params.yaml: 2 faults\nparams.yaml:")
    assert not (project / "work").exists()


def test_weights_that_are_still_to_be_downloaded_are_noted_before_any_work(
    project: Path, yue: Run
) -> None:
    err = yue("use", "yue-s1-lora")[2]
    assert err == yue("validate")[2]
    lacks = "codec.path: models/xcodec_mini_infer lacks final_ckpt/config.yaml, final_ckpt/ckpt"
    assert f"note: {lacks}" in err
    assert (
        "`dvc repro` downloads it before any work\n  fix: no action needed; to do it now: yue"
        in err
    )
    folder = project / "models" / "xcodec_mini_infer" / "final_ckpt"
    folder.mkdir(parents=True)
    assert "codec.path" in yue("validate")[2], "a folder alone is no weights"
    (folder / "config.yaml").touch()
    (folder / "ckpt_00360000.pth").touch()
    err = yue("validate")[2]
    assert "codec.path" not in err
    assert "note: model.path" in err


def test_songs_that_git_ignores_and_dvc_does_not_track_are_noted(project: Path, yue: Run) -> None:
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    yue("use", "own-songs")
    (project / "songs").mkdir()
    (project / "songs" / "a.wav").touch()
    told = "songs is tracked by neither DVC nor git: clones will lack it"
    assert told not in yue("validate")[2], "git takes it"
    (project / ".gitignore").write_text("/songs/\n")
    assert f"{told}\n  fix: dvc add songs && git add songs.dvc" in yue("validate")[2]
    (project / "songs.dvc").touch()
    assert told not in yue("validate")[2]


def test_validate_notes_drift_and_missing_inputs(project: Path, yue: Run) -> None:
    yue("use", "demo")
    edit(project / "params.yaml", "  r: 8 ", "  r: 16 ")
    code, _, err = yue("validate")
    assert code == 0
    assert "params.yaml was edited since `yue use recipes/demo.yaml`: lora.r is 16, not 8" in err
    assert "fix: no action needed; `yue use --force recipes/demo.yaml` goes back" in err
    assert "note: model.path: demo/work/base does not exist, and no stage makes it" in err
    assert "mix.datasets" not in err
    edit(project / "params.yaml", "  - songs=1", "  - pop=1")
    assert "note: mix.datasets: no dataset 'pop' in corpora" in yue("validate")[2]
    assert "note: data.songs_dir: demo/work/songs does not exist" in err
    for name in ("base", "songs", "codec", "tokenizer.model"):
        (project / "demo" / "work" / name).mkdir(parents=True)
    assert "does not exist" not in yue("validate")[2]
    edit(project / "recipes" / "demo.yaml", "  max_steps: 40 ", "  max_steps: 41 ")
    assert "recipes/demo.yaml has changed since it was made active" in yue("validate")[2]
    edit(project / "params.yaml", "  stage2: ", "  stage2: models/stage2/mine")
    edit(project / "params.yaml", "  audio_prompt:  ", "  audio_prompt: songs/a.wav ")
    err = yue("validate")[2]
    assert "generate.stage2: models/stage2/mine does not exist\n  fix: see models/stage2/R" in err
    (project / "models" / "stage2" / "mine").mkdir(parents=True)
    (project / "songs").mkdir()
    (project / "songs" / "a.wav").touch()
    err = yue("validate")[2]
    assert "generate.stage2: " not in err
    assert "generate.audio_prompt: songs/a.wav is not in prompts/, where DVC would see" in err
    edit(project / "params.yaml", ": songs/a.wav ", ": prompts/a.wav ")
    (project / "prompts").mkdir()
    (project / "prompts" / "a.wav").symlink_to(project / "songs" / "a.wav")
    (project / "models" / "stage2" / "mine").rename(project / "models" / "mine")
    (project / "models" / "stage2" / "mine").symlink_to(project / "models" / "mine")
    err = yue("validate")[2]
    assert "generate.audio_prompt: " not in err  # DVC follows links to files alone
    assert "generate.stage2: models/stage2/mine is not in models/stage2/, where DVC" in err
    (project / "recipes" / "demo.yaml").unlink()
    assert "recipes/demo.yaml, which params.yaml was written from, is gone" in yue("validate")[2]


@pytest.fixture
def pipeline(project: Path) -> Path:
    """The project with its pipeline files."""
    for name in ("dvc.yaml", *NOTES):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    (project / "demo").mkdir(exist_ok=True)
    shutil.copy(ROOT / "demo" / "dvc.yaml", project / "demo")
    return project


def test_stages_that_dvc_has_not_read_stop_the_run_once(pipeline: Path, yue: Run) -> None:
    """A hand edit of params.yaml may need the demo's stages; `yue use` would have said so."""
    yue("use", "demo")
    (pipeline / "demo" / "needed.yaml").unlink()
    code, _, err = yue("validate")
    assert code == 1
    assert "demo/needed.yaml did not list base, codec, songs, tokenizer, which the recipe" in err
    assert "fix: run the same command again" in err
    assert yue("validate")[0] == 0


def test_using_params_mends_what_dvc_reads_beside_it(pipeline: Path, yue: Run) -> None:
    yue("use", "demo")
    needed = pipeline / "demo" / "needed.yaml"
    text = needed.read_text()
    for broken in ("<<<<<<< HEAD\nsongs: []\n=======\nsongs: [demo]\n>>>>>>> b\n", "", "\x00"):
        needed.write_text(broken)
        assert yue("use", "params.yaml")[0] == 0
        assert needed.read_text() == text


def test_the_run_cache_does_not_hide_that_dvc_knows_too_few_stages(pipeline: Path) -> None:
    """It gives the marker back without a run, which alone brings demo/needed.yaml to a recipe."""
    validate = YAML(typ="safe").load((pipeline / "dvc.yaml").read_text())["stages"]["validate"]
    assert "demo/needed.yaml" in validate["deps"]


def test_a_pipeline_does_not_start_without_its_songs(pipeline: Path, yue: Run) -> None:
    code, _, err = yue("use", "own-songs")
    assert (code, "note: data.songs_dir: songs does not exist" in err) == (0, True)
    code, _, err = yue("validate")
    assert code == 2
    assert re.search(r"params.yaml:\d+:3: data.songs_dir: songs does not exist, and no stage", err)
    assert "  fix: put your songs there" in err
    assert not (pipeline / "work").exists()
    assert yue("validate", "recipes/own-songs.yaml")[0] == 0, "the recipe itself has no fault"
    (pipeline / "songs").mkdir()
    code, _, err = yue("validate")
    assert (code, "note: data.songs_dir: songs is empty" in err) == (0, True)
    (pipeline / "songs" / "a.wav").touch()
    assert "songs is empty" not in yue("validate")[2]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("demo/work/base ", "models/typo ", "model.path: models/typo does not exist"),
        ("demo/work/base ", "models/YuE-s2-1B-general ", "codec.name: melrvq: its codes have ids"),
        ("models/separator ", "models/typo ", "separate.weights: models/typo does not exist"),
        ("- songs=1", "- pop=1", "mix.datasets: no dataset 'pop' in corpora"),
        ("audio_prompt:  ", "audio_prompt: prompts/a.wav ", "prompts/a.wav does not exist"),
    ],
)
def test_a_pipeline_does_not_start_without_an_input(
    pipeline: Path, yue: Run, old: str, new: str, told: str
) -> None:
    yue("use", "demo")
    assert yue("validate")[0] == 0, "stages of demo/dvc.yaml make the rest"
    edit(pipeline / "params.yaml", old, new)
    code, _, err = yue("validate")
    assert (code, told in err, "fix: " in err) == (2, True, True)
    assert "1 fault\n" in err


def test_validate_takes_many_recipes_and_reports_all(project: Path, yue: Run) -> None:
    recipes = sorted((project / "recipes").glob("*.yaml"))
    code, out, _ = yue("validate", *map(str, recipes))
    assert (code, out.count("no faults")) == (0, len(recipes))
    for name in ("demo", "own-songs"):
        edit(project / "recipes" / f"{name}.yaml", "  lr: ", "  lr: abc # ")
    code, _, err = yue("validate", "recipes/demo.yaml", "recipes/own-songs.yaml")
    assert code == 2
    assert "recipes/demo.yaml:" in err
    assert "recipes/own-songs.yaml:" in err


def test_recipes_lists_them_with_the_active_one_and_the_broken(project: Path, yue: Run) -> None:
    yue("use", "demo")
    (project / "recipes" / "bad.yaml").write_text("name: 1\nlora:\n  r: x\n")
    names = sorted(file.stem for file in (project / "recipes").glob("*.yaml"))
    code, out, _ = yue("recipes")
    assert code == 0
    rows = {line[2:].split()[0]: line for line in out.splitlines()[:-1]}
    assert list(rows) == names
    assert rows["demo"].startswith("* demo")
    assert rows["own-songs"].startswith("  own-songs")
    assert "recipes/demo.yaml" in rows["demo"]
    assert "`yue validate recipes/bad.yaml` says why" in rows["bad"]
    listed = json.loads(yue("recipes", "--json")[1])
    assert [row["active"] for row in listed] == [name == "demo" for name in names]
    assert listed[0]["faults"] > 1
    assert listed[1]["description"] == read_recipe(Path("recipes/demo.yaml")).description


def test_recipes_lists_a_copy_by_its_own_name_and_keeps_long_texts_in_their_column(
    project: Path, yue: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shutil.copy("recipes/own-songs.yaml", "recipes/mine.yaml")
    edit(Path("recipes/mine.yaml"), "description: Your own songs", f"description: {'a word ' * 20}")
    lines = yue("recipes")[1].splitlines()
    assert max(map(len, lines[:-1])) <= 90
    assert [line.split()[0] for line in lines if "own-songs" in line] == ["own-songs"]
    (first,) = (place for place, line in enumerate(lines) if line.startswith("  mine "))
    column = lines[first].index("a word")
    assert lines[first + 1][:column].isspace()
    assert "word" in lines[first + 1][column:]
    named = [row["name"] for row in json.loads(yue("recipes", "--json")[1])]
    assert named.count("own-songs") == 2, "what the files call themselves"


def test_recipes_elsewhere_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yue: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = yue("recipes")
    assert code == 2
    assert "no recipes/*.yaml" in err
    assert "yue init DIR" in err
    code, _, err = yue("use", "demo")
    assert code == 2
    assert "demo: no such file, and no recipes/ here" in err
    assert "yue init DIR" in err


def test_schema_explains_a_key_a_section_and_all(yue: Run) -> None:
    code, out, _ = yue("schema", "lora.r")
    assert code == 0
    assert out.splitlines() == [
        "lora.r: Rank of the update matrices.",
        "  takes:   an integer from 1 to 1024",
        "  default: 8",
        "  elsewhere called: rank, lora_r, lora_rank",
    ]
    out = yue("schema", "lora")[1]
    assert "lora.alpha" in out
    assert "train.lr" not in out
    out = yue("schema")[1]
    assert [key.dotted for key in keys() if f"  {key.dotted} " not in out] == []
    assert "name: Short name" in yue("schema", "name")[1]
    assert "extends: Another recipe in the same folder" in yue("schema", "extends")[1]
    assert json.loads(yue("schema", "--json")[1]) == schema()
    assert json.loads(yue("schema", "lora.r", "--json")[1])["maximum"] == 1024


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lora.rank", "lora.r"),
        ("trian", "train"),
        ("learning_rate", "train.lr"),
        ("train.seq_length", "train.context_length"),
        ("lr", "train.lr"),
    ],
)
def test_schema_finds_the_nearest_key(yue: Run, name: str, meant: str) -> None:
    code, _, err = yue("schema", name)
    assert code == 2
    assert f"did you mean '{meant}'?" in err


@pytest.mark.parametrize(
    "words", [["validate"], ["recipes"], ["schema", "lora.r"], ["use", "own-songs"]]
)
def test_recipe_verbs_are_quick_and_import_no_torch(project: Path, words: list[str]) -> None:
    shutil.copy(ROOT / "params.yaml", project)
    code = (
        "import sys\nfrom yue.cli import main\n"
        f"assert main({words!r}) == 0\n"
        "bad = {'torch', 'numpy', 'dvc', 'transformers'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor seconds (0.4 is usual): the machine may be busy with something else.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1

"""Projects made by `yue init`: a real git and DVC repository each."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from yue.cli import main
from yue.errors import UsageError
from yue.project.create import project_around, update_project
from yue.project.pipeline_files import (
    NOTES,
    PACKAGE,
    code_digest,
    code_text,
    project_pipelines,
    recipe_files,
    stage_names,
)
from yue.recipe.read import read_recipe

Capture = pytest.CaptureFixture[str]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place") / "my songs model"
    assert main(["init", str(folder)]) == 0
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_project_has_every_file_that_its_readme_names(project: Path) -> None:
    for name in ("params.yaml", "recipes", "dvc.yaml", "songs", "schemas/recipe.schema.json"):
        assert (project / name).exists(), name
    assert read_recipe(project / "params.yaml").name == "own-songs"
    ignored = (project / ".dvcignore").read_text().splitlines()
    assert {f"/{note}" for note in NOTES if (project / note).is_file()} == set(
        ignored[-len(NOTES) :]
    )
    assert {f.name for f in (project / "recipes").iterdir()} == {f.name for f in recipe_files()}


def test_its_pipeline_has_the_stages_and_no_code_of_the_checkout(project: Path) -> None:
    stages = YAML().load((project / "dvc.yaml").read_text())["stages"]
    assert list(stages) == stage_names()
    code = YAML().load((project / "code.yaml").read_text())
    for name, stage in stages.items():
        assert not [dep for dep in stage["deps"] if dep.startswith("yue/")]
        assert {"code.yaml": [name]} in stage["params"]
        assert name in code


def test_dvc_reads_it_and_git_has_it(project: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert listed == stage_names()
    assert git(project, "status", "--porcelain") == ""
    assert "analytics = false" in (project / ".dvc" / "config").read_text()


def test_dvc_sees_what_the_active_recipe_needs_and_no_more(project: Path) -> None:
    line = [sys.executable, "-m", "dvc", "stage", "list", "--all", "--name-only"]
    listed = subprocess.run(line, cwd=project, capture_output=True, text=True, check=True).stdout
    others = [name for name in listed.split() if name not in stage_names()]
    assert others == [f"demo/dvc.yaml:{name}@demo" for name in ("tokenizer", "codec", "base")]


def test_an_update_takes_weights_out_of_dvc_s_hands_and_leaves_them(
    tmp_path: Path, capsys: Capture
) -> None:
    """Older versions declared weights as outputs, which DVC removes before it makes them."""
    assert main(["init", str(tmp_path / "p")]) == 0
    models = tmp_path / "p" / "models"
    weights = models / "mine" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    ours = "stages:\n  fetch:\n    cmd: python -m yue fetch a/b --output-dir models/b\n"
    (models / "dvc.yaml").write_text(ours)
    (models / "dvc.yaml.old").write_text("mine")
    (tmp_path / "p" / "demo" / "needed.yaml").unlink()
    capsys.readouterr()
    assert main(["init", str(tmp_path / "p"), "--update"]) == 0
    told = capsys.readouterr().out
    assert "models/dvc.yaml (now models/dvc.yaml.old2: weights are inputs" in told
    assert "demo/needed.yaml" in told
    assert not (models / "dvc.yaml").exists()
    assert (models / "dvc.yaml.old2").read_text() == ours
    assert (models / "dvc.yaml.old").read_text() == "mine"
    assert weights.read_bytes() == b"weights"
    assert "base: [demo]" in (tmp_path / "p" / "demo" / "needed.yaml").read_text()


def test_a_project_without_git_is_one_for_dvc_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.project.create.shutil.which", lambda _: None)
    assert main(["init", str(tmp_path / "p")]) == 0
    assert not (tmp_path / "p" / ".git").exists()
    line = [sys.executable, "-m", "dvc", "status"]
    done = subprocess.run(line, cwd=tmp_path / "p", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_update_leaves_what_the_user_wrote(tmp_path: Path, capsys: Capture) -> None:
    """A pipeline of one's own in models/, and a stage in dvc.yaml that git does not have."""
    project = tmp_path / "p"
    assert main(["init", str(project)]) == 0
    (project / "models" / "dvc.yaml").write_text("stages: {}\n")
    edited = (project / "dvc.yaml").read_text() + "\n# a stage of mine\n"
    (project / "dvc.yaml").write_text(edited)
    capsys.readouterr()
    assert main(["init", str(project), "--update"]) == 0
    told = capsys.readouterr().out
    assert "init: dvc.yaml (edits that git does not have are in dvc.yaml.old) changed" in told
    assert (project / "dvc.yaml.old").read_text() == edited
    assert (project / "models" / "dvc.yaml").read_text() == "stages: {}\n"
    (project / "dvc.yaml").write_text(edited)
    git(project, "add", "dvc.yaml")
    git(project, "-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "mine")
    assert main(["init", str(project), "--update"]) == 0
    assert not (project / "dvc.yaml.old2").exists(), "git has it"


def test_dvc_can_read_an_updated_project_whose_recipe_has_a_fault(project: Path) -> None:
    needed, params = project / "demo" / "needed.yaml", project / "params.yaml"
    before = params.read_text()
    needed.unlink()
    params.write_text(before.replace("name: own-songs", "name: 'Two Words'"))
    try:
        assert main(["init", str(project), "--update"]) == 0
        line = [sys.executable, "-m", "dvc", "stage", "list", "--all", "--name-only"]
        done = subprocess.run(line, cwd=project, capture_output=True, text=True, check=False)
        assert "validate" in done.stdout.split(), done.stderr
    finally:
        git(project, "checkout", "params.yaml", "demo/needed.yaml")


@pytest.mark.parametrize("absolute", [True, False])
def test_params_name_their_recipe_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, absolute: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", str(tmp_path / "mine") if absolute else "mine"]) == 0
    text = (tmp_path / "mine" / "params.yaml").read_text(encoding="utf-8")
    assert "# Active recipe: recipes/own-songs.yaml sha256:" in text


def test_nothing_is_overwritten(project: Path, capsys: Capture) -> None:
    (project / "params.yaml").write_text("mine\n")
    try:
        assert main(["init", str(project)]) == 2
        text = capsys.readouterr().err
        assert "params.yaml" in text
        assert "--update" in text
        assert (project / "params.yaml").read_text() == "mine\n"
        assert main(["init", str(project), "--update"]) == 0
        assert (project / "params.yaml").read_text() == "mine\n"
    finally:
        git(project, "checkout", "params.yaml")


def test_songs_that_are_there_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    song = tmp_path / "songs" / "a.wav"
    song.parent.mkdir()
    song.write_bytes(b"music")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "."]) == 0
    assert "into songs, then: dvc repro" in capsys.readouterr().out
    assert song.read_bytes() == b"music"


def test_an_update_writes_what_changed(project: Path, capsys: Capture) -> None:
    expected = code_text(project_pipelines().code)
    (project / "code.yaml").write_text("train: old\n")
    capsys.readouterr()
    assert main(["init", str(project), "--update"]) == 0
    assert "code.yaml" in capsys.readouterr().out
    assert (project / "code.yaml").read_text() == expected


def test_an_update_adds_what_is_ignored_and_keeps_a_user_s_lines(
    project: Path, capsys: Capture
) -> None:
    file = project / ".gitignore"
    text = file.read_text()
    file.write_text("mine/\n" + text.replace("/.yue/\n", "") + "!/songs/\n")
    assert main(["init", str(project), "--update"]) == 0
    assert capsys.readouterr().out.startswith("init: .gitignore changed")
    assert file.read_text() == text + "mine/\n!/songs/\n"
    assert main(["init", str(project), "--update"]) == 0
    assert capsys.readouterr().out.startswith("init: nothing changed")
    file.write_text(text)


def test_no_project_in_a_project_and_none_without_a_name(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(project)
    assert main(["init", "songs/other"]) == 2
    assert f"songs/other lies in the project {project}" in capsys.readouterr().err
    assert not (project / "songs" / "other").exists()
    assert project_around(Path("../beside")) is None
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["init", ""])
    assert "the name is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_project_that_could_not_be_made_whole_is_not_half_there(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "schemas").write_text("a file where a folder belongs")
    assert main(["init", str(tmp_path)]) == 1
    assert "schemas" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["schemas"]


def test_no_project_no_update(tmp_path: Path, capsys: Capture) -> None:
    assert main(["init", str(tmp_path), "--update"]) == 2
    assert "no dvc.yaml" in capsys.readouterr().err


def test_skipped_stages_are_gone_and_what_they_make_must_be_given() -> None:
    pipelines = project_pipelines(("convert", "train", "evaluate", "generate", "report"))
    pipeline = YAML().load(pipelines.texts["dvc.yaml"])
    kept = ["validate", "inputs", "separate", "tokenize", "songs", "mmap"]
    assert list(pipeline["stages"]) == kept
    assert pipelines.given == ("work/audio",)
    assert "plots" not in pipeline
    assert pipeline["stages"]["separate"]["deps"][0] == "work/inputs.ok"


def test_code_digests_see_sources_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "yue"
    (package / "audio" / "__pycache__").mkdir(parents=True)
    source = package / "audio" / "a.py"
    source.write_text("1")
    monkeypatch.setattr("yue.project.pipeline_files.PACKAGE", package)
    first = code_digest(["yue/audio"])
    (package / "audio" / "__pycache__" / "a.pyc").write_bytes(b"x")
    (package / "audio" / "_yue_native.abi3.so").write_bytes(b"x")
    assert code_digest(["yue/audio"]) == first
    source.write_text("2")
    assert code_digest(["yue/audio"]) != first


@pytest.mark.long
def test_a_wheel_makes_projects_without_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    source = tmp_path / "source"
    listed = git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([*build, str(source), "-w", str(tmp_path)], check=True, cwd=tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("yue-*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    assert PACKAGE.parent == ROOT
    script = "import yue, sys; from yue.cli import main; print(yue.__file__); sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'site'); {script}", "init", "p"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    assert (tmp_path / "p" / "dvc.yaml").read_text() == project_pipelines().texts["dvc.yaml"]
    assert list((tmp_path / "site" / "yue" / "native").glob("_yue_native*.so"))


def test_a_checkouts_pipeline_files_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "yue").mkdir()
    for name in ("dvc.yaml", "yue/__init__.py"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="checkout of yue"):
        update_project(tmp_path)
    assert (tmp_path / "dvc.yaml").read_text() == ""

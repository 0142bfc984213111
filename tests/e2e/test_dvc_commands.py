"""DVC as people use it: its commands after a finished run, by kind of project and recipe.

In a checkout, a project of `yue init` and one of `yue pipeline`, under the demo's recipe, that of
own songs and that of the 7B model (with small random weights of its classes): every command does
its work and reruns nothing, with inputs that no cache holds, and without a network.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.codecs import tiny
from tests.e2e.conftest import ROOT, Project, make_project, ran_stages
from tests.llama import tiny_llama

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
# Projects of yue init and yue pipeline share what DVC's run cache keeps of the demo's model.
_OF_CHECKOUT = pytest.mark.xdist_group("dvc in a checkout")
_OF_PROJECTS = pytest.mark.xdist_group("dvc in projects")

AFTER_TRAIN = {"validate", "inputs", "train", "evaluate", "generate", "report"}
CLEAN = "Data and pipelines are up to date."
S1 = "YuE-s1-7B-anneal-en-cot"
SHORT = {
    "train__max_steps": 2,
    "train__batch_size": 1,
    "train__micro_batch_size": 1,
    "train__context_length": 1024,
    "model__dtype": "float32",
    "generate__prompts": 1,
    "generate__seconds": 0.5,
    "generate__max_sections": 1,
}
KINDS = (
    pytest.param("checkout", marks=_OF_CHECKOUT),
    pytest.param("init", marks=_OF_PROJECTS),
    pytest.param("pipeline", marks=_OF_PROJECTS),
)
RECIPES = ("demo", "own-songs", "yue-s1-lora")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with git's identity, and DVC caches and a remote that projects here share."""
    folder = tmp_path_factory.mktemp("dvc commands")
    (folder / "gitconfig").write_text("[user]\n\tname = t\n\temail = t@localhost\n")
    return folder


@pytest.fixture(scope="module")
def songs(place: Path) -> Path:
    """Four songs with stems and lyrics, of 8 seconds."""
    line = [sys.executable, "-m", "yue", "demo", "songs", "--output", str(place / "all")]
    subprocess.run(line, check=True, capture_output=True, cwd=ROOT)
    folder = place / "music"
    folder.mkdir()
    for name in sorted({file.name.split(".")[0] for file in (place / "all").iterdir()})[:4]:
        for file in (place / "all").glob(f"{name}.*"):
            shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def weights(place: Path, songs: Path) -> Path:
    """``models/`` as after a download, of small random weights."""
    folder = place / "models"
    base = folder / S1
    tiny_llama(rows=83_968, hidden=16, layers=1, context=2048).save_pretrained(base)
    line = [sys.executable, "-m", "yue", "demo", "tokenizer", "--output"]
    subprocess.run([*line, str(base / "tokenizer.model")], check=True, capture_output=True)
    tiny.save_xcodec(folder / "xcodec_mini_infer")
    return folder


def start(
    kind: str, recipe: str, place: Path, songs: Path, weights: Path, name: str = "commands"
) -> Project:
    """Make a project of a kind with a recipe active, its songs and weights put there by hand.

    Projects of one ``name`` share a DVC cache, and its run cache; others run everything.
    """
    folder = place / name / f"{kind} {recipe}"
    root = folder / "project"
    if kind == "checkout":
        project = make_project(folder)
        project.run("yue", "use", "--force", f"recipes/{recipe}.yaml")
    else:
        (folder / "home").mkdir(parents=True)
        project = Project(root, folder / "home")
        shutil.copy(place / "gitconfig", folder / "home")
        line = ["yue", "init", "project", "--recipe", recipe]
        if kind == "pipeline":
            line = ["yue", "pipeline", "--input-dir", str(songs), "--output-dir", "project"]
            line += ["--recipe", recipe, "--dry-run"]
        Project(folder, folder / "home").run(*line)
    if recipe != "demo" and kind != "pipeline":
        shutil.copytree(songs, root / "songs", dirs_exist_ok=True)
    if recipe == "yue-s1-lora":
        shutil.copytree(weights, root / "models", dirs_exist_ok=True)
    project.edit_params(**SHORT)
    project.run("dvc", "cache", "dir", "--local", str(place / name / "cache"))
    project.run("dvc", "remote", "add", "-d", "store", str(place / "remote"))
    return project


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_command_works_after_a_run(
    kind: str, recipe: str, place: Path, songs: Path, weights: Path
) -> None:
    project = start(kind, recipe, place, songs, weights)
    own = (project.root / "songs").is_dir() and any((project.root / "songs").iterdir())
    if own:  # as the docs say, for clones
        project.run("dvc", "add", "songs")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "Before the first run")
    said = [project.run("dvc", "repro").stdout]
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "First run")
    before = files_below(project.root / "models")

    def check(*command: str) -> str:
        output = project.run("dvc", *command).stdout
        said.append(output)
        return output

    def check_clean() -> None:
        assert CLEAN in check("status")
        assert project.repro() == []

    check_clean()
    for command in (["commit"], ["checkout"], ["push"]):
        check(*command)
    check_clean()
    ran = ran_stages(check("exp", "run", "-S", "lora.r=4", "-n", "here"))
    assert set(ran) <= AFTER_TRAIN, "what a project before this one made comes from the run cache"
    assert '"r": 4' in (project.root / "work/adapter/adapter_config.json").read_text()
    check("exp", "save", "-n", "saved")
    ran = ran_stages(check("exp", "run", "--temp", "-S", "lora.r=6", "-n", "elsewhere"))
    assert "inputs" in ran, "which links what the copy lacks"
    assert set(ran) <= AFTER_TRAIN
    project.run("git", "restore", ".")
    check("checkout")
    check_clean()
    check("exp", "apply", "elsewhere")
    assert '"r": 6' in (project.root / "work/adapter/adapter_config.json").read_text()
    check_clean()
    project.run("git", "restore", ".")
    check("checkout")
    assert files_below(project.root / "models") == before
    assert not [line for text in said for line in text.splitlines() if "No file hash" in line]

    clone = Project(project.root.parent / "clone", project.home)
    Project(project.root.parent, project.home).run("git", "clone", "-q", "project", "clone")
    if recipe == "yue-s1-lora":
        shutil.copytree(weights, clone.root / "models", dirs_exist_ok=True)
    clone.run("dvc", "pull")
    assert CLEAN in clone.run("dvc", "status").stdout
    assert clone.repro() == []
    assert clone.run("git", "status", "--porcelain").stdout == ""


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@_OF_PROJECTS
def test_weights_put_there_by_hand_stay_where_others_cannot_be_fetched(
    place: Path, songs: Path, weights: Path
) -> None:
    project = start("init", "own-songs", place, songs, weights, "by hand")
    project.run("yue", "use", "--force", "yue-s1-lora")
    models = project.root / "models"
    shutil.copytree(weights / "xcodec_mini_infer", models / "xcodec_mini_infer")
    (models / S1).mkdir()
    shutil.copy(weights / S1 / "tokenizer.model", models / S1)
    before = files_below(models)
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert before.items() <= files_below(models).items(), "nothing is removed or changed"
    said = done.stdout
    assert f"yue inputs: model.path: models/{S1} lacks config.json, *.safetensors, and" in said
    assert "codec.path" not in said.split("yue inputs: ")[1]
    assert "dvc commit" not in said
    shutil.copytree(weights / S1, models / S1, dirs_exist_ok=True)
    project.edit_params(**SHORT)
    assert "report" in project.repro(), "with all weights there it runs offline, to the report"
    assert (project.root / "report.html").is_file()


def readme_commands(*parts: str) -> list[str]:
    """The lines of README's shell blocks with these words, without their comments."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [
        line
        for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
        for line in block.splitlines()
    ]
    found = [line.split("  #")[0].strip() for line in lines]
    return [next(line for line in found if part in line) for part in parts]


@pytest.fixture
def own_project(
    place: Path, songs: Path, weights: Path, request: pytest.FixtureRequest
) -> Iterator[Project]:
    """A finished run of own songs that git ignores and DVC does not track."""
    project = start("init", "own-songs", place, songs, weights, request.node.name)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "My songs")
    project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "First run")
    yield project
    project.run("dvc", "queue", "stop", "--kill", check=False)


@_OF_PROJECTS
def test_the_grid_of_the_readme_runs_on_own_songs_word_for_word(own_project: Project) -> None:
    queue, run, show = readme_commands("--queue", "dvc queue start", "dvc exp show")
    own_project.run(*shlex.split(queue))
    own_project.run(*shlex.split(run))
    status = wait_for_queue(own_project)
    assert status.count("Success") == 2, status + queue_logs(own_project)
    shown = own_project.run(*shlex.split(show)).stdout
    assert shown.count("Success") == 2, shown
    assert not (own_project.root / "songs.dvc").exists()

    own_project.run(
        "dvc",
        "exp",
        "run",
        "-S",
        "evaluate.split=test",
        "-S",
        "+lora.rank=3",
        "--queue",
        "-n",
        "bad",
    )
    own_project.run(*shlex.split(run))
    wait_for_queue(own_project)
    row = next(
        line for line in own_project.run(*shlex.split(show)).stdout.splitlines() if "bad" in line
    )
    assert "Failed" in row, row


def wait_for_queue(project: Project, seconds: float = 900) -> str:
    deadline = time.monotonic() + seconds
    status = ""
    while time.monotonic() < deadline:
        status = project.run("dvc", "queue", "status").stdout
        if "Queued" not in status and "Running" not in status:
            break
        time.sleep(3)
    return status


def queue_logs(project: Project) -> str:
    return "\n".join(
        log.read_text(errors="replace")[-2000:]
        for log in (project.root / ".dvc/tmp/exps/run").rglob("*.out")
    )

"""A new project in a folder, and bringing an old one up to the installed version."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from yue.errors import RecipeError, UsageError, YueError
from yue.files import write_text
from yue.inputs.needed import FILE as NEEDED
from yue.inputs.needed import needed_text, write_needed
from yue.project.code import FILE, code_text
from yue.project.pipeline import Pipelines, project_pipelines
from yue.project.template import NOTES, SCHEMA, recipe_files, template_root
from yue.recipe.document import read_document
from yue.recipe.read import read_recipe, recipe_of
from yue.recipe.write import active_text
from yue.wording import quoted

HERE = Path(__file__).resolve().parent
_ANALYTICS_OFF = "[core]\n    analytics = false\n"
_DVCIGNORE = "".join(
    f"{line}\n"
    for line in (
        "# What Python leaves behind.",
        "__pycache__/",
        "*.tmp",
        "# What the hub's library keeps in a folder that it downloads to: times, unfinished files.",
        ".cache/",
        "# Notes in folders that stages depend on: other words make no other results.",
        *(f"/{note}" for note in NOTES),
    )
)
_MARKS = ("dvc.yaml", "params.yaml", "recipes")


def create_project(folder: Path, recipe: str, skipped: Collection[str] = ()) -> None:
    """Make a DVC project: pipeline, recipes, schema, an active recipe, README, git and DVC.

    Files that are there already, songs for example, stay as they are.

    Args:
        folder: Made if need be.
        recipe: Name of the ready recipe to make active.
        skipped: Stages to leave out of the pipeline.

    Raises:
        UsageError: The folder holds a project already, or no such recipe is there.
        YueError: DVC cannot be started there.
    """
    pipelines = project_pipelines(skipped)
    texts = {
        **_pipeline_texts(pipelines),
        **_recipe_texts(recipe, folder),
        "README.md": (HERE / "README.md").read_text(encoding="utf-8"),
        **_ignore_texts(),
    }
    there = sorted(name for name in texts if (folder / name).exists())
    if there:
        raise UsageError(
            f"{folder} has {', '.join(there)} already",
            why="a new project would overwrite them",
            fix="name another folder, or bring a project up to this version: "
            f"yue init {quoted(folder)} --update",
        )
    (folder / "songs").mkdir(parents=True, exist_ok=True)
    try:
        for name, text in texts.items():
            write_text(folder / name, text)
        _start_versioning(folder)
    except BaseException:  # the same command can be given again
        for name in texts:
            (folder / name).unlink(missing_ok=True)
        raise


def update_project(folder: Path, skipped: Collection[str] = ()) -> list[str]:
    """Write pipeline files, schema and code.yaml as this version has them.

    Recipes, params.yaml and everything that was made stay, and so do lines of your own in
    .gitignore and .dvcignore.

    Returns:
        Names of the files that changed.

    Raises:
        UsageError: There is no project, or it is a checkout of yue.
    """
    if not (folder / "dvc.yaml").is_file():
        raise UsageError(
            f"{folder} is no project: it has no dvc.yaml", fix=f"yue init {quoted(folder)}"
        )
    if (folder / "yue" / "__init__.py").is_file():
        raise UsageError(
            f"{folder} is a checkout of yue, whose pipeline files are its own", fix="git pull"
        )
    changed = []
    for name, text in _pipeline_texts(project_pipelines(skipped)).items():
        file = folder / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_text(file, text)
            changed.append(name)
    changed += _retire_fetching(folder)
    with contextlib.suppress(RecipeError):  # `yue validate` says what is wrong with it
        change = write_needed(read_recipe(folder / "params.yaml"), folder)
        changed += [NEEDED] if change.added or change.removed else []
    return changed + _update_ignored(folder)


def project_around(folder: Path) -> Path | None:
    """The project in one of whose folders this one lies, if there is one."""
    parents = folder.resolve().parents
    return next((p for p in parents if all((p / mark).exists() for mark in _MARKS)), None)


def _ignore_texts() -> dict[str, str]:
    return {
        ".gitignore": (HERE / "gitignore").read_text(encoding="utf-8"),
        ".dvcignore": _DVCIGNORE,
    }


def _retire_fetching(folder: Path) -> list[str]:
    """Put the pipeline that fetched weights out of DVC's sight; its outputs, the weights, stay.

    Versions of yue up to November 2026 declared weights as outputs, which DVC removes before a run.
    """
    retired = []
    for name in ("models/dvc.yaml", "models/dvc.lock"):
        if (folder / name).is_file():
            (folder / name).rename(folder / f"{name}.old")
            retired.append(f"{name} (now {name}.old: weights are inputs that nothing removes)")
    return retired


def _update_ignored(folder: Path) -> list[str]:
    """Give lists of ignored files the lines that they lack; a user's lines come last, and win."""
    changed = []
    for name, text in _ignore_texts().items():
        file, ours = folder / name, text.splitlines()
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        if not set(ours) <= set(lines):
            kept = [line for line in lines if line not in ours]
            write_text(file, "\n".join([*ours, *kept]) + "\n")
            changed.append(name)
    return changed


def _pipeline_texts(pipelines: Pipelines) -> dict[str, str]:
    root = template_root()
    copied = {name: (root / name).read_text(encoding="utf-8") for name in (SCHEMA, *NOTES)}
    return {**pipelines.texts, FILE: code_text(pipelines.code), **copied}


def _recipe_texts(active: str, folder: Path) -> dict[str, str]:
    """All ready recipes, and params.yaml of one of them."""
    files = {file.stem: file for file in recipe_files()}
    if active not in files:
        raise UsageError(
            f"there is no recipe {active}", fix=f"name one of these: {', '.join(files)}"
        )
    document = read_document(files[active])
    recipe = recipe_of(document)
    texts = {f"recipes/{n}.yaml": file.read_text(encoding="utf-8") for n, file in files.items()}
    root = folder.absolute()
    file = root / "recipes" / f"{active}.yaml"
    needed = needed_text(recipe, template_root())
    return {
        **texts,
        "params.yaml": active_text(document, file, root),
        **({} if needed is None else {NEEDED: needed}),
    }


def _start_versioning(folder: Path) -> None:
    """Make git and DVC look after the folder, in a repository of its own or the one around it."""
    from dvc.repo import Repo  # takes a second to import

    git = shutil.which("git")
    subdir = False
    if git:
        inside = _run([git, "rev-parse", "--show-toplevel"], folder)
        if inside.returncode:
            _checked([git, "init", "--quiet"], folder)
        else:
            subdir = Path(inside.stdout.strip()).resolve() != folder.resolve()
    if not (folder / ".dvc").is_dir():
        Repo.init(str(folder), no_scm=not git, subdir=subdir).close()
        write_text(folder / ".dvc" / "config", _ANALYTICS_OFF)
    if git:
        _checked([git, "add", "--all", "."], folder)
        # Experiments need a commit to start from. Where git does not know who you are, it is yours.
        _run([git, "commit", "--quiet", "-m", "Start a project of yue", "--", "."], folder)


def _run(line: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def _checked(line: list[str], folder: Path) -> None:
    done = _run(line, folder)
    if done.returncode:
        raise YueError(
            f"cannot start {' '.join(line[-3:])} in {folder}",
            why=(done.stderr or done.stdout).strip(),
            fix="mend that, then run the same command again",
        )

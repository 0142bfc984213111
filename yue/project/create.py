"""A new project in a folder, and bringing an old one up to the installed version."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection
from itertools import chain, count
from pathlib import Path

from yue.errors import RecipeError, UsageError, YueError
from yue.files import write_text
from yue.inputs.pipeline_outputs import FILE as NEEDED
from yue.inputs.pipeline_outputs import needed_text, write_needed
from yue.project.pipeline_files import (
    FILE,
    NOTES,
    PIPELINES,
    SCHEMA,
    Pipelines,
    code_text,
    project_pipelines,
    recipe_files,
    template_root,
)
from yue.recipe.read import build_recipe, checked, read_recipe
from yue.recipe.undo import committed_text
from yue.recipe.writing import active_text, completed_text
from yue.recipe.yaml_positions import read_document
from yue.wording import quoted

HERE = Path(__file__).resolve().parent
_ANALYTICS_OFF = "[core]\n    analytics = false\n"
_NO_GIT = "    no_scm = true\n"
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
_FETCHING = b"python -m yue fetch"
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
    .gitignore and .dvcignore. Pipeline files that git does not have as they are get a copy.

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
        if not file.is_file() or file.read_bytes() != text.encode():
            kept = _keep_edits(file) if name in PIPELINES else None
            write_text(file, text)
            changed.append(f"{name} (edits that git does not have are in {kept})" if kept else name)
    changed += _retire_fetching(folder)
    try:
        changed += _update_recipe(folder)
    except RecipeError:  # `yue validate` says what is wrong with it, once DVC can read its files
        needed = needed_text(None, folder)
        if needed is not None and not (folder / NEEDED).is_file():
            write_text(folder / NEEDED, needed)
            changed.append(NEEDED)
    return changed + _update_ignored(folder)


def project_around(folder: Path) -> Path | None:
    """Return the project in one of whose folders this one lies, if there is one."""
    parents = folder.resolve().parents
    return next((p for p in parents if all((p / mark).exists() for mark in _MARKS)), None)


def _ignore_texts() -> dict[str, str]:
    return {
        ".gitignore": (HERE / "gitignore").read_text(encoding="utf-8"),
        ".dvcignore": _DVCIGNORE,
    }


def _update_recipe(folder: Path) -> list[str]:
    """Give params.yaml the keys that it lacks, for DVC, and list what of the demo it needs.

    Raises:
        RecipeError: params.yaml is missing or has faults; nothing is written then.
    """
    file = folder / "params.yaml"
    recipe = read_recipe(file)
    changed = []
    text = completed_text(read_document(file))
    if text != file.read_text(encoding="utf-8"):
        write_text(file, text)
        changed.append(file.name)
    change = write_needed(recipe, folder)
    return changed + [NEEDED] * bool(change.added or change.removed)


def _keep_edits(file: Path) -> str | None:
    """Copy a pipeline file aside that git does not have as it is; returns the copy's name."""
    committed = committed_text(file)
    if not file.is_file() or (committed is not None and file.read_bytes() == committed.encode()):
        return None
    copy = _free_name(file)
    shutil.copyfile(file, copy)
    return copy.name


def _retire_fetching(folder: Path) -> list[str]:
    """Put the pipeline that fetched weights out of DVC's sight; its outputs, the weights, stay.

    Versions of yue up to November 2026 declared weights as outputs, which DVC removes before a run.
    Another pipeline file there is the user's own.
    """
    pipeline = folder / "models" / "dvc.yaml"
    if not pipeline.is_file() or _FETCHING not in pipeline.read_bytes():
        return []
    retired = []
    for file in (pipeline, pipeline.with_name("dvc.lock")):
        if file.is_file():
            name, old = f"models/{file.name}", _free_name(file)
            file.rename(old)
            retired.append(
                f"{name} (now models/{old.name}: weights are inputs, nothing removes them)"
            )
    return retired


def _free_name(file: Path) -> Path:
    """Return a name beside a file that nothing has: ``dvc.yaml.old``, ``dvc.yaml.old2``."""
    names = (file.with_name(f"{file.name}.old{number or ''}") for number in chain([0], count(2)))
    return next(name for name in names if not os.path.lexists(name))


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
    """Return all ready recipes, and params.yaml of one of them."""
    files = {file.stem: file for file in recipe_files()}
    if active not in files:
        raise UsageError(
            f"there is no recipe {active}", fix=f"name one of these: {', '.join(files)}"
        )
    found = checked(read_document(files[active]))
    texts = {f"recipes/{n}.yaml": file.read_text(encoding="utf-8") for n, file in files.items()}
    root = folder.absolute()
    file = root / "recipes" / f"{active}.yaml"
    needed = needed_text(build_recipe(found.values), template_root())
    return {
        **texts,
        "params.yaml": active_text(found, file, root),
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
            _run_checked([git, "init", "--quiet"], folder)
        else:
            subdir = Path(inside.stdout.strip()).resolve() != folder.resolve()
    if not (folder / ".dvc").is_dir():
        Repo.init(str(folder), no_scm=not git, subdir=subdir).close()
        # DVC has written there that there is no git; without that it does nothing at all.
        write_text(folder / ".dvc" / "config", _ANALYTICS_OFF + ("" if git else _NO_GIT))
    if git:
        _run_checked([git, "add", "--all", "."], folder)
        # Experiments need a commit to start from. Where git does not know who you are, it is yours.
        _run([git, "commit", "--quiet", "-m", "Start a project of yue", "--", "."], folder)


def _run(line: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)


def _run_checked(line: list[str], folder: Path) -> None:
    done = _run(line, folder)
    if done.returncode:
        raise YueError(
            f"cannot start {' '.join(line[-3:])} in {folder}",
            why=(done.stderr or done.stdout).strip(),
            fix="mend that, then run the same command again",
        )

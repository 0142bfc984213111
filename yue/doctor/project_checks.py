"""The project in a folder: DVC and git, the recipe, its inputs and codec."""

from __future__ import annotations

import shutil
from pathlib import Path

from yue.doctor.machine_checks import Finding, ok
from yue.errors import RecipeError, YueError
from yue.inputs.recipe_notes import fetch_notes, input_notes, unwatched_notes
from yue.paths import Paths
from yue.recipe.fault_text import conflict_lines
from yue.recipe.model import Recipe
from yue.recipe.read import read_recipe
from yue.wording import counted


def check_project(root: Path) -> list[Finding]:
    """Check a project; its absence is one finding where there is none."""
    if not (root / "params.yaml").is_file():
        found = f"none in {root}"
        return [Finding("project", "warning", found, "yue init my-songs   # or go to its folder")]
    findings = [_check_dvc(root), *_check_lock(root), _check_git(root)]
    try:
        recipe = read_recipe(root / "params.yaml")
    except RecipeError as error:
        faults = str(error).splitlines()[0]
        return [*findings, Finding("recipe", "failure", faults, "yue validate   # says all of it")]
    findings.append(ok("recipe", f"{recipe.name}: no faults"))
    notes = input_notes(recipe, root)
    findings += [Finding("input", "failure", note.what, note.fix) for note in notes]
    for name, notes_of in (("weights", fetch_notes), ("samples", unwatched_notes)):
        findings += [Finding(name, "warning", n.what, n.fix) for n in notes_of(recipe, root)]
    for name, check in (
        ("codec", _check_codec),
        ("base model", _check_disk),
        ("checkpoints", _check_checkpoints),
    ):
        try:
            findings += check(recipe, root)
        except YueError as error:  # a damaged file must not hide what else there is to find
            findings.append(Finding(name, "failure", error.what, error.fix))
    return [*findings, *_check_code(root)]


def _check_dvc(root: Path) -> Finding:
    if not any((folder / ".dvc").is_dir() for folder in (root, *root.parents)):
        return Finding("DVC repository", "failure", f"none around {root}", "dvc init --subdir")
    if not (root / "dvc.yaml").is_file():
        return Finding("DVC repository", "failure", "there is no dvc.yaml", "yue init . --update")
    return ok("DVC repository", "there, with a pipeline")


def _check_lock(root: Path) -> list[Finding]:
    """Look for marks that git left in dvc.lock, which DVC calls invalid YAML."""
    file = root / "dvc.lock"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    lines = conflict_lines(text)
    if not lines:
        return []
    found = f"git's conflict marks, the first at line {lines[0]}"
    return [Finding("dvc.lock", "failure", found, "git checkout --ours dvc.lock && dvc repro")]


def _check_git(root: Path) -> Finding:
    if shutil.which("git") is None:
        found = "git is not installed: dvc repro works, experiments do not"
        return Finding("git", "warning", found, "apt-get install git")
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return Finding("git", "warning", "no repository: experiments need one", "git init")
    return ok("git", "there")


def _check_codec(recipe: Recipe, root: Path) -> list[Finding]:
    """Check the recipe's codec if its weights are there; an absent folder is an input's finding."""
    from yue.codecs.registry import codec_state

    place = root / recipe.codec.path
    if not place.exists():
        return []
    listed = codec_state(recipe.codec.name, place)
    name = f"codec {recipe.codec.name}"
    if listed.digest is None:
        return [Finding(name, "failure", listed.problem, listed.fix)]
    return [ok(name, f"{listed.weights} ({listed.digest[:12]})")]


def _check_disk(recipe: Recipe, root: Path) -> list[Finding]:
    """Compare free space with checkpoints and adapter, where the model's shape is known."""
    from yue.costs.estimate import GPUS, estimate
    from yue.lm.base_facts import read_shape, released_shape

    folder = root / recipe.model.path
    there = (folder / "config.json").is_file()
    shape = read_shape(folder) if there else released_shape(folder.name)
    if shape is None:
        return []
    found = estimate(recipe, shape, GPUS[0], None)  # disk is the same for every GPU
    # A checkpoint is written before the one before it goes; weights that are not there are fetched.
    low = 2 if recipe.model.dtype == "bfloat16" else 4
    needed = 2 * found.checkpoint + found.adapter + (0 if there else low * shape.weights)
    free = shutil.disk_usage(root).free
    summary = f"training needs about {needed / 1e9:.1f} GB, {free / 1e9:.0f} GB are free"
    if free < needed:
        return [Finding("disk for training", "failure", summary, "dvc gc --workspace")]
    return [ok("disk for training", summary)]


def _check_checkpoints(recipe: Recipe, root: Path) -> list[Finding]:
    """Look for runs of another recipe, other songs or other code."""
    from yue.checkpoints.stored_runs import stored_runs
    from yue.training.job import job_of_project
    from yue.training.plan import identity_of

    job = job_of_project(recipe, Paths(root))
    runs = stored_runs(job.checkpoints)
    if not runs:
        return []
    try:
        own = identity_of(job)[0].fingerprint
    except YueError:  # there are no songs to train on yet, so no run is theirs
        own = ""
    others = [run for run in runs if run.folder.name != own]
    size = sum(run.size for run in others) / 1e9
    if not others:
        return [ok("checkpoints", "the active recipe's alone")]
    found = f"{counted(len(others), 'unfinished run')} of other recipes or code, {size:.1f} GB"
    fix = "yue checkpoints   # lists them; yue checkpoints remove --others removes them"
    return [Finding("checkpoints", "warning", found, fix)]


def _check_code(root: Path) -> list[Finding]:
    """Check that the pipeline is of the installed version; a checkout has no code.yaml."""
    from yue.project.pipeline_files import FILE, code_text, project_pipelines

    file = root / FILE
    if not file.is_file() or file.read_text() == code_text(project_pipelines().code):
        return []
    found = f"{FILE} is of another version than the installed one"
    return [Finding("pipeline", "warning", found, "yue init . --update")]

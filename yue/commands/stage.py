"""Run a stage of the project in the current folder: params.yaml in, three lines of summary out."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from yue.commands import Verb
from yue.errors import MissingFileError, UsageError, YueError
from yue.paths import Paths
from yue.recipe.read import read_recipe
from yue.wording import StageSummary

NO_PROJECT = "go to the project's folder, or make one: yue init DIR"


def stage_verb(stage: str) -> Verb:
    """Return the verb of a stage that takes no flags: the active recipe says all."""
    return Verb(f"yue {stage}", lambda _: None, lambda _: run_stage(stage, takes_flags=False))


def project_paths(*, takes_flags: bool = True) -> Paths:
    """Return the project in the current folder.

    Args:
        takes_flags: Whether the verb also works on files that flags name.

    Raises:
        UsageError: There is no params.yaml here.
    """
    paths = Paths(Path.cwd())
    if not paths.params.is_file():
        has_recipes = (paths.root / "recipes").is_dir()
        fix = "make a recipe active: yue use recipes/demo.yaml" if has_recipes else NO_PROJECT
        without = "without flags, " if takes_flags else ""
        raise UsageError(
            f"no params.yaml in {paths.root}",
            why=f"{without}a stage reads the active recipe of the project it is run in",
            fix=f"{fix}; or give the verb's own arguments (see --help)" if without else fix,
        )
    return paths


def given_flags(args: argparse.Namespace, *but: str) -> list[str]:
    """Return the names of attributes that the command line set, apart from those in ``but``."""
    ours = {"verb", "debug", "recipe_flags", *but}
    return [name for name, value in vars(args).items() if name not in ours and value is not None]


def need_flags(args: argparse.Namespace, names: Sequence[str], example: str) -> None:
    """Check that a verb that is given flags has those without which it cannot work.

    Args:
        args: What was given.
        names: Of the attributes that must not be None.
        example: Of its use.

    Raises:
        UsageError: Some are missing; they are named.
    """
    missing = [f"--{name.replace('_', '-')}" for name in names if getattr(args, name) is None]
    if missing:
        raise UsageError(
            f"{args.verb} also needs {', '.join(missing)}",
            why="with flags it works on files of its own, apart from the project",
            fix=f"give them (example: {example}), or no flag at all to run the project's stage",
        )


def run_stage(stage: str, *, takes_flags: bool = True) -> None:
    """Run one stage of the project in the current folder and print its summary.

    Args:
        stage: Its name.
        takes_flags: Whether its verb also works on files that flags name.
    """
    paths = project_paths(takes_flags=takes_flags)
    recipe = read_recipe(paths.params)
    module = importlib.import_module(f"yue.stages.{stage}")
    try:
        summary = module.main(recipe, paths)
    except MissingFileError as error:
        raise YueError(
            error.what,
            why=f"`yue {stage}` runs this stage alone, and an earlier one makes that file",
            fix=f"dvc repro {stage}   # runs what comes before it too",
        ) from error
    print_summary(stage, summary)


def print_summary(stage: str, summary: StageSummary) -> None:
    """Print the three lines with which every stage ends."""
    print(f"{stage}: {summary.made}")
    print(f"  rejected: {summary.rejected}")
    print(f"  next: {summary.next}", flush=True)

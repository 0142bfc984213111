"""``yue mix plan``: what training would read of each dataset, exactly."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yue.recipe.model import Recipe

EXAMPLE = (
    "yue mix plan\n"
    "  yue mix plan --data-dir tokens --mix-folder corpora --mix-datasets songs=1 pop=0.5 --json"
)
_SECTIONS = ("mix", "train")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and a flag for each key of the recipe's sections."""
    from yue.recipe.flags import add_flags

    parser.add_argument("action", choices=("plan",), help="print tokens, iterations and epochs")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.add_argument(
        "--upstream",
        type=Path,
        metavar="FILE",
        help="plan a mixture file of YuE's own scripts (N_ROUND, SEQ_LEN, GLOBAL_BATCH_SIZE) as "
        "they do",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder with the train.bin, .idx and .json of songs (default: the project's, with the "
        "active recipe instead of flags)",
    )
    add_flags(parser, *_SECTIONS)


def run(args: argparse.Namespace) -> None:
    """Print the plan."""
    import json
    from dataclasses import asdict

    if args.upstream is not None:
        from yue.dataset.upstream_mixture import read_mixture, show

        mixture = read_mixture(args.upstream)
        print(json.dumps(asdict(mixture), indent=2) if args.json else show(mixture))
        return
    from yue.dataset.dataset_mix import mix_rows, open_datasets
    from yue.training.schedule import plan_table, run_plan

    recipe, songs = _what(args)
    datasets = open_datasets(recipe.mix, songs / "train")
    plan = run_plan(mix_rows(datasets, recipe.mix, recipe.train), recipe.train)
    print(json.dumps(asdict(plan), indent=2) if args.json else plan_table(plan))


def _what(args: argparse.Namespace) -> tuple[Recipe, Path]:
    """The recipe, and the folder of the project's own token files."""
    from yue.commands.project import given_flags, project_paths
    from yue.errors import UsageError
    from yue.paths import token_folder
    from yue.recipe.flags import recipe_from_flags
    from yue.recipe.read import read_recipe

    if args.data_dir is not None:
        return recipe_from_flags(args, *_SECTIONS), token_folder(args.data_dir)
    if given := given_flags(args, "action", "json", "upstream", "data_dir"):
        raise UsageError(
            f"--{given[0].replace('_', '-')} also needs --data-dir",
            why="without it the active recipe is planned as it is",
            fix="give --data-dir, or change params.yaml",
        )
    paths = project_paths()
    recipe = read_recipe(paths.params)
    return recipe, paths.tokens

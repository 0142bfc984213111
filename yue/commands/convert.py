"""``yue convert``: the project's stage, or any folder of songs to a folder of arrays."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands import Verb
from yue.commands.stage import print_summary, run_stage
from yue.errors import UsageError

EXAMPLE = "yue convert --input-dir songs --output-dir converted --sr 16000 --mono --normalize"

_SECTIONS = ("convert", "separate", "runtime")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: folders, what to do about singing, and the recipe's keys."""
    from yue.recipe.flags import add_flags

    parser.add_argument("--input-dir", type=Path, help="folder of songs")
    parser.add_argument("--output-dir", type=Path, help="folder to make")
    parser.add_argument(
        "--detect-vocals",
        action="store_true",
        help="also pair the stems and find where there is singing (stems/stems.jsonl)",
    )
    add_flags(parser, *_SECTIONS)
    parser.add_argument(
        "--no-normalize",
        dest="normalize",
        action="store_const",
        const="none",
        help="the same as --normalize none",
    )


def run(args: argparse.Namespace) -> None:
    """Convert the folder that is given, else run the stage of the project."""
    if args.input_dir is None and args.output_dir is None:
        run_stage("convert")
        return
    if args.input_dir is None or args.output_dir is None:
        raise UsageError(
            "only one of --input-dir and --output-dir is given", fix="give both, or neither"
        )
    from yue.audio.convert_folder import convert_to_folder
    from yue.recipe.flags import recipe_from_flags

    recipe = recipe_from_flags(args, *_SECTIONS)
    summary = convert_to_folder(
        args.input_dir, args.output_dir, recipe, detect_vocals=args.detect_vocals
    )
    print_summary("convert", summary)


VERBS = {"convert": Verb(EXAMPLE, add_arguments, run)}

"""``yue preprocess``: a folder that ``yue convert`` made to codes, rows and token files."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.wording import quoted

EXAMPLE = (
    "yue preprocess --data-dir converted --output-dir processed --codec-type xcodec --workers 4"
)
_SECTIONS = ("data", "separate", "codec", "songs", "tokens", "runtime")
_SKIPPED = ("convert", "train", "evaluate", "generate", "report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arrays, the project to make, and a flag for each key of the recipe's sections."""
    from yue.commands.ready import ready_defaults
    from yue.recipe.flags import add_flags

    parser.add_argument(
        "--data-dir", type=Path, required=True, help="folder that `yue convert` made"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        help="the project to make, token files in its work/tokens "
        "(default: DATA_DIR-processed, beside it)",
    )
    parser.add_argument(
        "--songs-dir", type=Path, help="folder of the songs, for their lyrics and genres"
    )
    add_flags(parser, *_SECTIONS, own=ready_defaults(_SECTIONS), without=("data.songs_dir",))


def run(args: argparse.Namespace) -> None:
    """Make the project of these flags around the arrays, and run it."""
    from yue.commands.ready import base_recipe, given_recipe_values
    from yue.errors import UsageError
    from yue.project.run_flags import Order, adopt_arrays, check_arrays, prepare
    from yue.project.run_flags import run as run_order

    check_arrays(args.data_dir)
    data = args.data_dir.absolute()
    songs = (args.songs_dir or data).absolute()
    folder = args.output_dir or data.with_name(f"{data.name}-processed")
    if folder.absolute().is_relative_to(songs):
        raise UsageError(
            f"--output-dir {folder} lies in {songs}",
            why="what is made there would change what it is made from",
            fix=f"--output-dir {quoted(songs.with_name(f'{songs.name}-processed'))}",
        )
    base = base_recipe(args.codec_type)
    values = given_recipe_values(args, _SECTIONS, base)
    values["data"]["songs_dir"] = str(songs)
    order = Order("preprocess", folder, base, values, _SKIPPED)
    prepare(order)
    adopt_arrays(args.data_dir, folder / "work" / "audio", songs)
    run_order(order)
    tokens = folder / "work" / "tokens"
    print(f"preprocess: token files in {tokens}")
    print(f"  next: yue train --model MODEL --data-dir {quoted(tokens)} --output-dir adapter")

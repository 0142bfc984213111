"""``yue pipeline``: songs in, an adapter and music out; makes a project and runs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EXAMPLE = (
    "yue pipeline --input-dir songs --model models/YuE-s1-7B-anneal-en-cot --output-dir run "
    "--codec-type xcodec --epochs 3 --batch-size 4"
)
_SECTIONS = ("convert", "separate", "codec", "songs", "tokens", "model", "lora", "train")
_HOW = ("runtime", "launch", "logging")
_BASES = {"melrvq": "own-songs", "semanticodec": "semanticodec"}
_PATHS = (("codec", "path"), ("tokens", "tokenizer"), ("model", "path"), ("separate", "weights"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Songs, model and project, and a flag for each key of the recipe."""
    from yue.recipe.flags import add_flags

    parser.add_argument("--input-dir", type=Path, required=True, help="folder of songs")
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("yue_pipeline_output"),
        help="the project to make and run (default: yue_pipeline_output); run again to go on",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help="ready recipe for all that no flag says (default: by codec; yue-s1-lora)",
    )
    parser.add_argument(
        "--skip-steps",
        nargs="+",
        default=[],
        metavar="STEP",
        help="stages to leave out (names of stages, or convert, preprocess, dataset, count, train)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="make the project and its recipe, run nothing"
    )
    add_flags(parser, *_SECTIONS, *_HOW)


def run(args: argparse.Namespace) -> None:
    """Make the project of these flags, and run it."""
    from yue.project.run import Order, prepare, skipped_stages
    from yue.project.run import run as run_order

    skipped = skipped_stages(args.skip_steps)
    order = Order(
        name="pipeline",
        folder=args.output_dir,
        base=args.recipe or base_recipe(args.codec_type),
        values=_values(args, trains="train" not in skipped),
        skipped=skipped,
    )
    prepare(order)
    print(f"pipeline: {args.output_dir} is a project; its recipe is recipes/pipeline.yaml")
    if args.dry_run:
        print(f"  next: cd {args.output_dir}; dvc repro")
        return
    run_order(order)
    print(f"pipeline: done; {args.output_dir / 'report.html'} shows and plays what it learned")


def base_recipe(codec: str | None) -> str:
    """Name of the ready recipe for a codec."""
    return _BASES.get(codec or "", "yue-s1-lora")


def place_paths(values: dict[str, dict[str, Any]]) -> None:
    """Make the paths among recipe values absolute: the project is another folder.

    What a stage of every project makes or fetches stays relative to it.

    Raises:
        UsageError: A path is neither there nor made.
    """
    from yue.errors import UsageError
    from yue.inputs.made import is_made
    from yue.inputs.released import released_at
    from yue.project.template import template_root

    for section, name in _PATHS:
        given = values.get(section, {}).get(name)
        if given is None:
            continue
        if Path(given).exists():
            values[section][name] = str(Path(given).absolute())
        elif not is_made(given, template_root()) and released_at(given) is None:
            raise UsageError(
                f"{section}.{name}: {given} does not exist",
                why="nothing in a project makes or fetches it",
                fix="look for a typing error, or put it there first: see `yue fetch --help`",
            )


def _values(args: argparse.Namespace, *, trains: bool) -> dict[str, dict[str, Any]]:
    """Recipe values of the flags, and of what they imply."""
    from yue.errors import UsageError
    from yue.recipe.flags import given_values, naming_flags

    if not args.input_dir.is_dir():
        raise UsageError(
            f"--input-dir {args.input_dir} is no folder", fix="name your songs' folder"
        )
    values = given_values(args, *_SECTIONS, *_HOW)
    if "path" not in values["model"] and trains and args.recipe is None:
        raise UsageError(
            "pipeline needs --model",
            why="it trains an adapter for a base model",
            fix="give the model's folder, a --recipe that names one (own-songs has a tiny one), "
            "or --skip-steps train",
        )
    with naming_flags(args):
        place_paths(values)
    if "path" in values["model"] and "tokenizer" not in values["tokens"]:
        tokenizer = Path(values["model"]["path"]) / "tokenizer.model"
        if tokenizer.is_file():
            values["tokens"]["tokenizer"] = str(tokenizer)
    values["data"] = {"songs_dir": str(args.input_dir.absolute())}
    return values

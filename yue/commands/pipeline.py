"""``yue pipeline``: songs in, an adapter and music out; makes a project and runs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EXAMPLE = (
    "yue pipeline --input-dir songs --model models/YuE-s1-7B-anneal-en-cot --output-dir run "
    "--codec-type xcodec --epochs 3 --batch-size 4"
)
_SECTIONS = (
    *("data", "convert", "separate", "codec", "songs", "tokens", "mix", "model", "lora", "train"),
    *("evaluate", "generate", "runtime", "launch", "logging"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Songs, model and project, and a flag for each key of the recipe."""
    from yue.commands.fork import add_fork_flags
    from yue.commands.ready import ready_defaults
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
        help="ready recipe for all that no flag says (default: by codec: yue-s1-lora, own-songs "
        "with melrvq, semanticodec with semanticodec, whose values are the defaults below)",
    )
    parser.add_argument(
        "--skip-steps",
        nargs="*",
        default=[],
        metavar="STEP",
        help="stages to leave out (names of stages, or convert, preprocess, dataset, count, train)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="make the project and its recipe, run nothing"
    )
    own = ready_defaults(_SECTIONS)
    own["model.path"] = "none, needed without --recipe or --skip-steps train"
    own["tokens.tokenizer"] = f"the given model's tokenizer.model, else {own['tokens.tokenizer']}"
    add_flags(parser, *_SECTIONS, own=own, without=("data.songs_dir",))
    add_fork_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Make the project of these flags, and run it."""
    from yue.commands.ready import base_recipe
    from yue.project.run_flags import Order, prepare, skipped_stages
    from yue.project.run_flags import run as run_order
    from yue.wording import quoted

    skipped = skipped_stages(args.skip_steps)
    base = args.recipe or base_recipe(args.codec_type)
    values = _values(args, base, trains="train" not in skipped)
    order = Order("pipeline", args.output_dir, base, values, skipped)
    prepare(order)
    print(f"pipeline: {args.output_dir} is a project; its recipe is recipes/pipeline.yaml")
    if args.dry_run:
        # Whether what skipped stages would have made is there, DVC alone does not say.
        again = f"the same command without --dry-run, which leaves out {', '.join(skipped)}"
        print(f"  next: {again if skipped else f'cd {quoted(args.output_dir)} && dvc repro'}")
        return
    run_order(order)
    print(f"pipeline: done; {args.output_dir / 'report.html'} shows and plays what it learned")


def _values(args: argparse.Namespace, base: str, *, trains: bool) -> dict[str, dict[str, Any]]:
    """Recipe values of the flags, and of what they imply."""
    from yue.commands.ready import given_recipe_values
    from yue.errors import UsageError

    if not args.input_dir.is_dir():
        raise UsageError(
            f"--input-dir {args.input_dir} is no folder", fix="name your songs' folder"
        )
    if args.model is None and trains and args.recipe is None:
        raise UsageError(
            "pipeline needs --model",
            why="it trains an adapter for a base model",
            fix="give the model's folder, a --recipe that names one (own-songs has a tiny one), "
            "or --skip-steps train",
        )
    values = given_recipe_values(args, _SECTIONS, base)
    if "path" in values["model"] and "tokenizer" not in values["tokens"]:
        tokenizer = Path(values["model"]["path"]) / "tokenizer.model"
        if tokenizer.is_file():
            values["tokens"]["tokenizer"] = str(tokenizer)
    values["data"]["songs_dir"] = str(args.input_dir.absolute())
    return values

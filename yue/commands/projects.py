"""Verbs that make a project: ``init`` an empty one, ``pipeline`` and ``preprocess`` one to run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yue.commands import Verb
from yue.commands.fork import add_fork_flags
from yue.commands.ready import base_recipe, given_recipe_values, ready_defaults
from yue.errors import UsageError
from yue.project.create import create_project, project_around, update_project
from yue.project.run_flags import Order, adopt_arrays, check_arrays, prepare, skipped_stages
from yue.project.run_flags import run as run_order
from yue.recipe.flags import add_flags
from yue.wording import quoted

INIT_EXAMPLE = "yue init my-song-model"


def _add_init_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=_parse_folder, metavar="DIR", help="the folder, made if need be"
    )
    parser.add_argument(
        "--recipe",
        default="own-songs",
        metavar="NAME",
        help="the ready recipe to make active (default: own-songs, which needs no download)",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="bring an existing project's pipeline files up to this version; recipes stay",
    )


def run_init(args: argparse.Namespace) -> None:
    """Make or update the project and say what comes next."""
    if args.update:
        changed = update_project(args.folder)
        print(f"init: {', '.join(changed) or 'nothing'} changed in {args.folder}")
        print("  next: dvc repro (only stages whose code or setting changed run again)")
        return
    around = project_around(args.folder)
    if around is not None:
        raise UsageError(
            f"{args.folder} lies in the project {around}",
            why="DVC and git would take one project for a part of the other",
            fix=f"name a folder outside it, or keep one project with several recipes: "
            f"cp {quoted(around / 'params.yaml')} {quoted(around / 'recipes' / 'mine.yaml')}",
        )
    create_project(args.folder, args.recipe)
    print(f"init: {args.folder} is a project; its recipe is {args.recipe} (params.yaml)")
    enter = "" if args.folder.absolute() == Path.cwd() else f"cd {quoted(args.folder)}; "
    print(f"  next: put your songs into {args.folder / 'songs'}, then: {enter}dvc repro")
    print("  README.md there says what every file is; `yue recipes` lists other recipes")


def _parse_folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; name a folder ('.' is this one)")
    return Path(text)


PIPELINE_EXAMPLE = (
    "yue pipeline --input-dir songs --model models/YuE-s1-7B-anneal-en-cot --output-dir run "
    "--codec-type xcodec --epochs 3 --batch-size 4"
)
PIPELINE_SECTIONS = (
    *("data", "convert", "separate", "codec", "songs", "tokens", "mix", "model", "lora", "train"),
    *("evaluate", "generate", "runtime", "launch", "logging"),
)


def _add_pipeline_arguments(parser: argparse.ArgumentParser) -> None:

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
    own = ready_defaults(PIPELINE_SECTIONS)
    own["model.path"] = "none, needed without --recipe or --skip-steps train"
    own["tokens.tokenizer"] = f"the given model's tokenizer.model, else {own['tokens.tokenizer']}"
    add_flags(parser, *PIPELINE_SECTIONS, own=own, without=("data.songs_dir",))
    add_fork_flags(parser)


def run_pipeline(args: argparse.Namespace) -> None:
    """Make the project of these flags, and run it."""
    skipped = skipped_stages(args.skip_steps)
    base = args.recipe or base_recipe(args.codec_type)
    values = _pipeline_values(args, base, trains="train" not in skipped)
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


def _pipeline_values(
    args: argparse.Namespace, base: str, *, trains: bool
) -> dict[str, dict[str, Any]]:
    """Return recipe values of the flags, and of what they imply."""
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
    values = given_recipe_values(args, PIPELINE_SECTIONS, base)
    if "path" in values["model"] and "tokenizer" not in values["tokens"]:
        tokenizer = Path(values["model"]["path"]) / "tokenizer.model"
        if tokenizer.is_file():
            values["tokens"]["tokenizer"] = str(tokenizer)
    values["data"]["songs_dir"] = str(args.input_dir.absolute())
    return values


PREPROCESS_EXAMPLE = (
    "yue preprocess --data-dir converted --output-dir processed --codec-type xcodec --workers 4"
)
PREPROCESS_SECTIONS = ("data", "separate", "codec", "songs", "tokens", "runtime")


def _add_preprocess_arguments(parser: argparse.ArgumentParser) -> None:

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
    add_flags(
        parser,
        *PREPROCESS_SECTIONS,
        own=ready_defaults(PREPROCESS_SECTIONS),
        without=("data.songs_dir",),
    )


def run_preprocess(args: argparse.Namespace) -> None:
    """Make the project of these flags around the arrays, and run it."""
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
    values = given_recipe_values(args, PREPROCESS_SECTIONS, base)
    values["data"]["songs_dir"] = str(songs)
    # "train" stands for it and all that follows, as in --skip-steps.
    skipped = skipped_stages(("convert", "train"))
    order = Order("preprocess", folder, base, values, skipped)
    prepare(order)
    adopt_arrays(args.data_dir, folder / "work" / "audio", songs)
    run_order(order)
    tokens = folder / "work" / "tokens"
    print(f"preprocess: token files in {tokens}")
    print(f"  next: yue train --model MODEL --data-dir {quoted(tokens)} --output-dir adapter")


VERBS = {
    "init": Verb(INIT_EXAMPLE, _add_init_arguments, run_init),
    "pipeline": Verb(PIPELINE_EXAMPLE, _add_pipeline_arguments, run_pipeline),
    "preprocess": Verb(PREPROCESS_EXAMPLE, _add_preprocess_arguments, run_preprocess),
}

"""``yue convert``: the project's stage, or any folder of songs to a folder of arrays."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.commands.stage import print_summary, run_stage
from yue.errors import UsageError
from yue.files import check_replaceable
from yue.recipe.flags import add_flags, recipe_from_flags
from yue.recipe.model import Recipe
from yue.temporary import temporary_folder
from yue.wording import StageSummary, counted, quoted

if TYPE_CHECKING:
    from yue.audio.convert import ConvertedSongs

EXAMPLE = "yue convert --input-dir songs --output-dir converted --sr 16000 --mono --normalize"

_SECTIONS = ("convert", "separate", "runtime")


def _add_arguments(parser: argparse.ArgumentParser) -> None:

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

    recipe = recipe_from_flags(args, *_SECTIONS)
    summary = convert_to_folder(
        args.input_dir, args.output_dir, recipe, detect_vocals=args.detect_vocals
    )
    print_summary("convert", summary)


def convert_to_folder(
    songs_dir: Path, output: Path, recipe: Recipe, *, detect_vocals: bool
) -> StageSummary:
    """Write a folder as the stage ``convert`` writes ``work/audio/``; a former one is replaced.

    Args:
        songs_dir: The songs.
        output: The folder to make.
        recipe: Its sections convert, separate and runtime are read.
        detect_vocals: Whether to write ``stems/`` in it, as the stage ``separate`` does.

    Raises:
        UsageError: Writing ``output`` would destroy what is not ours.
    """
    from yue.audio.convert import convert_folder
    from yue.audio.convert_song import ROWS

    songs_dir, output = songs_dir.resolve(), output.resolve()
    if songs_dir == output or output in songs_dir.parents:
        raise UsageError(
            f"--output-dir {output} holds the songs",
            why="the output folder is replaced as a whole",
            fix="give another folder",
        )
    check_replaceable(output, ROWS)
    with temporary_folder(output.with_name("yue-store")) as store:
        done = convert_folder(
            songs_dir,
            output,
            recipe.convert,
            store=store,
            workers=recipe.runtime.workers,
            max_rejected_share=1.0,
        )
        made = f"{counted(done.songs, 'song')}, {counted(len(done.tracks), 'track')} in {output}"
        rejected = done.rejections.at("convert").describe(f"{output / 'rejected.json'}")
        if detect_vocals:
            singing, without_pair = _detect_vocals(done, songs_dir, output, recipe, store)
            made, rejected = f"{made}; {singing}", rejected + without_pair
    for path in output.rglob("*.npy"):
        path.chmod(0o644)  # no store shares these bytes any more
    return StageSummary(
        made=made,
        rejected=rejected,
        next=f"yue tokenize --input-dir {quoted(output)} --output-dir codes --codec-type NAME",
    )


def _detect_vocals(
    done: ConvertedSongs, songs_dir: Path, output: Path, recipe: Recipe, store: Path
) -> tuple[str, str]:
    """Pair the stems and find the singing; say what was found and what was left out."""
    from yue.audio.separate import separate_folder
    from yue.audio.stem_pairs import STEMS
    from yue.audio.vocal_estimates import separation_of

    found = separate_folder(
        done.tracks,
        done.rejections,
        output.parent,
        output / "stems",
        recipe.separate,
        separation=separation_of(recipe, Path(), songs_dir, store),
        store=store,
        workers=recipe.runtime.workers,
    )
    pairs = [song for song in found.songs if song.kind == STEMS]
    singing = sum(bool(song.singing) for song in pairs)
    rejected = found.rejections.at("separate")
    left_out = rejected.describe(f"{output / 'stems/rejected.json'}")
    return (
        f"singing in {singing} of {counted(len(pairs), 'song')} with stems "
        f"({len(found.songs) - len(pairs)} without stems cannot be judged)",
        f"\n  of the stems: {left_out}" if rejected.lost or rejected.partly else "",
    )


VERBS = {"convert": Verb(EXAMPLE, _add_arguments, run)}

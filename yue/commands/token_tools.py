"""Verbs on token files: ``count``, ``join``, ``index``, and ``mix plan``, what training reads."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.errors import UsageError
from yue.paths import token_folder
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.recipe.model import Recipe


COUNT_EXAMPLE = "yue count work/tokens/train work/tokens/valid\n  yue count --data-dir work/tokens"


def _add_count_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prefixes", nargs="*", type=Path, metavar="PREFIX", help="path without .bin and .idx"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="all token files of a folder, or of a project (its work/tokens)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run_count(args: argparse.Namespace) -> None:
    """Print documents, sequences and tokens of each prefix and of all together."""
    from yue.tokens.megatron_files import Counts, as_prefix, count

    prefixes = [*args.prefixes]
    if args.data_dir is not None:
        prefixes += _prefixes_in(args.data_dir)
    if not prefixes:
        raise UsageError("count needs token files", fix="give PREFIX or --data-dir (see --help)")
    found = {str(prefix): count(as_prefix(prefix)) for prefix in prefixes}
    total = Counts(
        documents=sum(counts.documents for counts in found.values()),
        sequences=sum(counts.sequences for counts in found.values()),
        tokens=sum(counts.tokens for counts in found.values()),
    )
    if args.json:
        files = [{"prefix": name, **asdict(counts)} for name, counts in found.items()]
        print(json.dumps({"files": files, "total": asdict(total)}, indent=2))
        return
    rows = [*found.items(), *([("total", total)] if len(found) > 1 else [])]
    width = max(6, *(len(name) for name, _ in rows))
    print(f"{'':{width}} {'documents':>12} {'sequences':>12} {'tokens':>16}")
    for name, counts in rows:
        print(
            f"{name:{width}} {counts.documents:>12,} {counts.sequences:>12,} {counts.tokens:>16,}"
        )


def _prefixes_in(folder: Path) -> list[Path]:
    """Return the token files of ``--data-dir``, sub-folders included.

    Raises:
        UsageError: There are none.
    """
    found = sorted(file.with_suffix("") for file in token_folder(folder).rglob("*.idx"))
    if not found:
        raise UsageError(
            f"--data-dir {folder}: no token files (.bin and .idx)",
            why="it is no folder of them, nor a project with work/tokens",
            fix="write them with `yue preprocess` or `yue mmap`, or name another folder",
        )
    return found


JOIN_EXAMPLE = "yue join tokens/part-1 tokens/part-2 --output-prefix tokens/train"


def _add_join_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prefixes",
        nargs="+",
        type=Path,
        metavar="PREFIX",
        help="path without .bin and .idx; documents keep this order",
    )
    parser.add_argument(
        "--output-prefix",
        type=Path,
        required=True,
        metavar="PREFIX",
        help="of the .bin, .idx and .json to write",
    )


def run_join(args: argparse.Namespace) -> None:
    """Join token files, each checked against its checksums on the way."""
    from yue.dataset.join_files import merge
    from yue.tokens.megatron_files import as_prefix

    output = as_prefix(args.output_prefix)
    info = merge([as_prefix(prefix) for prefix in args.prefixes], output)
    print(
        f"join: {output}.bin and .idx: {len(args.prefixes)} token files, "
        f"{info.documents:,} songs, {info.tokens:,} tokens"
    )
    print(f"  next: `yue inspect {quoted(output)} --check` lists what is odd", flush=True)


INDEX_EXAMPLE = (
    "yue index work/tokens/train --samples 1200 --context-length 8192 --output-dir cache\n"
    "  yue index 0.7 tokens/songs 0.3 tokens/pop --samples 1200 --split 900,50,50 "
    "--output-dir cache"
)


def _add_index_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data_path",
        nargs="+",
        metavar="DATA",
        help="PREFIX of token files, or weights and prefixes in turn (YuE's DATA_PATH)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        required=True,
        metavar="N",
        help="samples to draw: YuE's TRAIN_ITERS times its global batch size",
    )
    parser.add_argument(
        "--context-length",
        "--seq-length",
        type=int,
        default=8192,
        metavar="L",
        help="tokens of input of a sample (default: 8192)",
    )
    parser.add_argument(
        "--seed", type=int, default=1234, metavar="S", help="of the order (default: 1234)"
    )
    parser.add_argument(
        "--split",
        metavar="SHARES",
        help="shares of train, valid and test, as 900,50,50 (default: the files are one split)",
    )
    parser.add_argument(
        "--part",
        choices=("train", "valid", "test"),
        default="train",
        help="the split to draw from (default: train)",
    )
    parser.add_argument(
        "--enable-shuffle",
        action="store_true",
        help="shuffle sequences too; the names of the files do not tell",
    )
    parser.add_argument(
        "--output-dir", type=Path, required=True, metavar="DIR", help="folder for the .npy files"
    )


def run_index(args: argparse.Namespace) -> None:
    """Write the arrays, and say which they are."""
    from yue.dataset.index_files import IndexRequest, write_indices

    request = IndexRequest(
        samples=args.samples,
        context=args.context_length,
        seed=args.seed,
        split=args.split,
        part=args.part,
        shuffle_sequences=args.enable_shuffle,
    )
    for files in write_indices(args.data_path, request, args.output_dir):
        of = files.description.get("path_prefix", "the blend")
        print(f"index: {files.prefix}-*: {of}, {files.samples:,} samples")
    print(
        f"  next: give YuE's script --data-cache-path {quoted(args.output_dir)}, with the same "
        "words for the data"
    )


MIX_EXAMPLE = (
    "yue mix plan\n"
    "  yue mix plan --data-dir tokens --mix-folder corpora --mix-datasets songs=1 pop=0.5 --json"
)
_MIX_SECTIONS = ("mix", "train")


def _add_mix_arguments(parser: argparse.ArgumentParser) -> None:
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
    add_flags(parser, *_MIX_SECTIONS)


def run_mix(args: argparse.Namespace) -> None:
    """Print the plan."""
    if args.upstream is not None:
        from yue.dataset.upstream_mixture import read_mixture, show

        mixture = read_mixture(args.upstream)
        print(json.dumps(asdict(mixture), indent=2) if args.json else show(mixture))
        return
    from yue.dataset.dataset_mix import mix_rows
    from yue.dataset.open_datasets import open_datasets
    from yue.training.schedule import plan_table, run_plan

    recipe, songs = _mixed_recipe(args)
    datasets = open_datasets(recipe.mix, songs / "train")
    plan = run_plan(mix_rows(datasets, recipe.mix, recipe.train), recipe.train)
    print(json.dumps(asdict(plan), indent=2) if args.json else plan_table(plan))


def _mixed_recipe(args: argparse.Namespace) -> tuple[Recipe, Path]:
    """Return the recipe, and the folder of the project's own token files."""
    from yue.commands.stage import given_flags, project_paths
    from yue.recipe.flags import recipe_from_flags
    from yue.recipe.read import read_recipe

    if args.data_dir is not None:
        return recipe_from_flags(args, *_MIX_SECTIONS), token_folder(args.data_dir)
    if given := given_flags(args, "action", "json", "upstream", "data_dir"):
        raise UsageError(
            f"--{given[0].replace('_', '-')} also needs --data-dir",
            why="without it the active recipe is planned as it is",
            fix="give --data-dir, or change params.yaml",
        )
    paths = project_paths()
    recipe = read_recipe(paths.params)
    return recipe, paths.tokens


VERBS = {
    "count": Verb(COUNT_EXAMPLE, _add_count_arguments, run_count),
    "join": Verb(JOIN_EXAMPLE, _add_join_arguments, run_join),
    "index": Verb(INDEX_EXAMPLE, _add_index_arguments, run_index),
    "mix": Verb(MIX_EXAMPLE, _add_mix_arguments, run_mix),
}

"""``yue estimate``: what training a recipe takes on a GPU, before one is rented."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.recipe.model import Recipe
from yue.recipe.read import read_recipe
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.options import Options, own_codebooks
from yue.tokens.vocabulary import CODECS, codec_range

if TYPE_CHECKING:
    from yue.costs.estimate import Estimate
    from yue.lm.base_facts import ModelShape

EXAMPLE = "yue estimate recipes/yue-s1-lora.yaml --gpu H100"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from yue.costs.estimate import GPUS

    parser.add_argument(
        "recipe", nargs="?", type=Path, default=Path("params.yaml"), metavar="RECIPE",
        help="a recipe (default: the active one)",
    )  # fmt: skip
    parser.add_argument(
        "--gpu", required=True, metavar="NAME", help=", ".join(gpu.name for gpu in GPUS)
    )
    parser.add_argument(
        "--tokens", type=int, metavar="N", help="tokens of an epoch, where work/tokens is not there"
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run(args: argparse.Namespace) -> None:
    """Print the estimate."""
    from yue.costs.estimate import estimate, find_gpu

    gpu, recipe = find_gpu(args.gpu), read_recipe(args.recipe)
    shape, known = _model_shape(Path(recipe.model.path))
    tokens, counted = _run_tokens(recipe, args.tokens)
    found = estimate(recipe, shape, gpu, tokens)
    if args.json:
        notes = {
            "measured": False,
            "model": known,
            "tokens_from": counted,
            "gpus": _gpu_count(recipe),
        }
        print(json.dumps({**found.plain(), **notes}, indent=2))
        return
    for line in _describe_estimate(recipe, found, known, counted):
        print(line)


def _model_shape(folder: Path) -> tuple[ModelShape, str]:
    """Return the base model's shape, and where it is from."""
    from yue.lm.base_facts import read_shape, released_shape

    if not (folder / "config.json").is_file() and (known := released_shape(folder.name)):
        return known, f"{folder.name} as released; {folder} is not there yet"
    return read_shape(folder), str(folder / "config.json")


def _run_tokens(recipe: Recipe, an_epoch: int | None) -> tuple[int | None, str]:
    """Return tokens of the whole run, None where an epoch's are not known; and what says so."""
    train, prefix = recipe.train, Path("work/tokens/train")
    if train.max_steps is not None:
        return train.max_steps * train.batch_size * train.context_length, "train.max_steps"
    source = "--tokens"
    if an_epoch is None:
        if not prefix.with_suffix(".idx").is_file():
            return None, "nothing"
        from yue.tokens.megatron_files import count

        an_epoch, source = (
            count(prefix).tokens,
            f"{prefix}.idx{_describe_differences(recipe, prefix)}",
        )
    return round(train.epochs * an_epoch), f"{train.epochs:g} epochs of {an_epoch:,}, by {source}"


def _describe_differences(recipe: Recipe, prefix: Path) -> str:
    """Describe how the recipe that made token files differs from this one; "" where it does not."""
    from yue.tokens.pair_info import read_info

    if not prefix.with_suffix(".json").is_file():
        return ", which another program wrote"
    info = read_info(prefix.with_suffix(".json"))
    pairs = {}
    if recipe.codec.name in CODECS:  # codecs of other packages have another's ids
        pairs["codec.name"] = (info.codec.name, recipe.codec.name)
    if info.options is not None:
        for field in fields(Options):
            theirs, ours = getattr(info.options, field.name), getattr(recipe.tokens, field.name)
            if field.name == "codebooks":
                theirs = _document_codebooks(theirs, info.codec.name, info.options.layout)
                ours = _document_codebooks(ours, recipe.codec.name, recipe.tokens.layout)
            pairs[f"tokens.{field.name}"] = (theirs, ours)
    other = [
        f"{key} {theirs}, not {ours}" for key, (theirs, ours) in pairs.items() if theirs != ours
    ]
    return f", made with {'; '.join(other)}: `dvc repro mmap` makes them anew" if other else ""


def _document_codebooks(given: int | None, codec: str, layout: str) -> int | None:
    """Return how many codebooks documents carry where the recipe leaves it to the codec."""
    return own_codebooks(codec_range(codec), layout) if given is None and codec in CODECS else given


def _tokens_of_minute(recipe: Recipe) -> str:
    """Return about how many tokens a minute of music is, where two tracks take turns."""
    name, layout = recipe.codec.name, recipe.tokens.layout
    books = _document_codebooks(recipe.tokens.codebooks, name, layout)
    rate = codec_range(name).frame_rate if name in CODECS else None
    if books is None or rate is None or LAYOUTS[layout].lanes == 1:
        return "frames of a minute x codebooks x tracks is about a minute's"
    codebooks = "one codebook" if books == 1 else f"{books} codebooks"
    return f"a minute of music is about {round(60 * rate) * 2 * books:,}, two tracks of {codebooks}"


def _gpu_count(recipe: Recipe) -> int:
    """Return GPUs that the recipe names: ``launch.processes`` on each of its hosts, or one."""
    return max(recipe.launch.processes, 1) * max(len(recipe.launch.hosts), 1)


def _describe_time(recipe: Recipe, found: Estimate) -> str:
    if found.hours is None:
        needed = "no work/tokens here: give --tokens, the tokens of an epoch"
        return f"hours: unknown ({needed}; {_tokens_of_minute(recipe)})"
    gpus = _gpu_count(recipe)
    hours = found.hours / gpus
    amount = f"hours: {hours:,.1f}" if hours >= 1 else f"minutes: {hours * 60:,.1f}"
    where = "one GPU" if gpus == 1 else f"{gpus} GPUs, if they never wait for each other,"
    return f"{amount} on {where} for {found.tokens:,} tokens"


def _describe_estimate(recipe: Recipe, found: Estimate, known: str, counted: str) -> list[str]:
    memory, gib = found.memory, 2**30
    parts = {
        "base weights": memory.weights,
        "adapter": memory.adapter,
        "gradients, masters, moments": memory.optimizer,
        f"kept for backward ({found.checkpointing})": memory.activations,
        "working": memory.working,
        "buffers, CUDA": memory.other,
        "peak": memory.peak,
    }
    train, verdict = recipe.train, "fits" if found.fits else "does not fit"
    which = "one" if _gpu_count(recipe) == 1 else f"each of {_gpu_count(recipe)}"
    return [
        f"estimate: {recipe.name} on {which} {found.gpu} ({found.gpu_memory / gib:.0f} GiB): "
        f"{verdict}",
        f"  model: {known}; {found.learning:,} weights learn; rank {recipe.lora.r}, "
        f"{train.micro_batch_size} x {train.context_length} tokens a forward pass",
        *(f"  {name:36} {size / gib:8.2f} GiB" for name, size in parts.items()),
        f"  speed: about {found.tokens_a_second:,.0f} tokens a second a GPU, "
        f"{found.operations_a_token / 1e9:.2f} GFLOP each",
        f"  {_describe_time(recipe, found)}",
        *([] if found.tokens is None else [f"  tokens: {counted}"]),
        f"  disk: {found.checkpoint / 1e9:.2f} GB a checkpoint, {found.adapter / 1e9:.2f} GB the "
        "adapter",
        "  Nothing of this was measured on a GPU. Memory is summed from shapes, in agreement with "
        "tensors counted on a CPU; speed takes 41 % of the data sheet, as published for an H100.",
    ]


VERBS = {"estimate": Verb(EXAMPLE, _add_arguments, run)}

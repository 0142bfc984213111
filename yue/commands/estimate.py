"""``yue estimate``: what training a recipe takes on a GPU, before one is rented."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yue.lm.shape import ModelShape
    from yue.recipe.model import Recipe
    from yue.training.estimate import Estimate

EXAMPLE = "yue estimate recipes/yue-s1-lora.yaml --gpu H100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which recipe, which GPU."""
    from yue.training.gpus import GPUS

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
    import json

    from yue.recipe.read import read_recipe
    from yue.training.estimate import estimate
    from yue.training.gpus import find_gpu

    gpu, recipe = find_gpu(args.gpu), read_recipe(args.recipe)
    shape, known = _shape(Path(recipe.model.path))
    found = estimate(recipe, shape, gpu, _tokens(recipe, args.tokens))
    if args.json:
        print(json.dumps({**found.plain(), "measured": False, "model": known}, indent=2))
        return
    for line in _lines(recipe, found, known):
        print(line)


def _shape(folder: Path) -> tuple[ModelShape, str]:
    """The base model's shape, and where it is from."""
    from yue.lm.released import released_shape
    from yue.lm.shape import read_shape

    if not (folder / "config.json").is_file() and (known := released_shape(folder.name)):
        return known, f"{folder.name} as released; {folder} is not there yet"
    return read_shape(folder), str(folder / "config.json")


def _tokens(recipe: Recipe, an_epoch: int | None) -> int | None:
    """Tokens of the whole run; None where nothing says how many an epoch has."""
    train, prefix = recipe.train, Path("work/tokens/train")
    if train.max_steps is not None:
        return train.max_steps * train.batch_size * train.context_length
    if an_epoch is None and prefix.with_suffix(".idx").is_file():
        from yue.tokens.index_file import count

        an_epoch = count(prefix).tokens
    return None if an_epoch is None else round(train.epochs * an_epoch)


def _lines(recipe: Recipe, found: Estimate, known: str) -> list[str]:
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
    time = (
        "hours: unknown (no work/tokens here: give --tokens, the tokens of an epoch)"
        if found.hours is None
        else f"hours: {found.hours:,.1f} on one GPU for {found.tokens:,} tokens"
        if found.hours >= 1
        else f"minutes: {found.hours * 60:,.1f} on one GPU for {found.tokens:,} tokens"
    )
    return [
        f"estimate: {recipe.name} on one {found.gpu} ({found.gpu_memory / gib:.0f} GiB): {verdict}",
        f"  model: {known}; {found.learning:,} weights learn; rank {recipe.lora.r}, "
        f"{train.micro_batch_size} x {train.context_length} tokens a forward pass",
        *(f"  {name:36} {size / gib:8.2f} GiB" for name, size in parts.items()),
        f"  speed: about {found.tokens_a_second:,.0f} tokens a second, "
        f"{found.operations_a_token / 1e9:.2f} GFLOP each",
        f"  {time}",
        f"  disk: {found.checkpoint / 1e9:.2f} GB a checkpoint, {found.adapter / 1e9:.2f} GB the "
        "adapter",
        "  Nothing of this was measured on a GPU. Memory is summed from shapes, in agreement with "
        "tensors counted on a CPU; speed takes 41 % of the data sheet, as published for an H100.",
    ]

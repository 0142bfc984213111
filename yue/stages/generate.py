"""Stage ``generate``: songs by the tuned and the base model, from held-out prompts."""

from __future__ import annotations

from pathlib import Path

from yue.errors import GenerationError
from yue.files import atomic_folder
from yue.generation.make import Setup, make_samples
from yue.generation.source import choose_songs
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.stages import StageSummary
from yue.tokens.options import Options
from yue.tokens.vocabulary import codec_range


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/samples/``: WAV files, codes and ``samples.json``.

    Raises:
        GenerationError: The model was not taught to sing, or a prompt or model cannot be used.
    """
    _check_layout(recipe)
    sources = choose_songs(paths.work, recipe.generate.prompts)
    with atomic_folder(paths.samples) as folder:
        samples = make_samples(sources, setup_of(recipe, paths.root), folder)
    made = [sample for sample in samples if sample.model in ("base", "tuned")]
    held_out = all(source.split != "train" for source in sources)
    return StageSummary(
        made=f"{len(made)} songs, {sum(sample.seconds for sample in made):.0f} seconds of music "
        f"for {len(sources)} prompts in {paths.samples.relative_to(paths.root)}",
        rejected="nothing"
        if held_out
        else "nothing; but there are too few held-out songs, so training songs give prompts too",
        next="listen to the WAV files there, or to all of them side by side: dvc repro report",
    )


def _check_layout(recipe: Recipe) -> None:
    """Generation continues songs of sections, one codebook of each track."""
    options = Options.of(recipe.tokens)
    books = min(options.ids(codec_range(recipe.codec.name)).codebooks, recipe.codec.codebooks)
    if options.layout not in ("cot", "icl") or books > 1:
        raise GenerationError(
            f"nothing can be generated after tokens.layout {options.layout} with {books} "
            f"codebook{'s' if books > 1 else ''} of {recipe.codec.name}",
            why="songs are generated in the layout cot, one codebook of each track",
            fix="train with tokens.layout: cot (or icl) and tokens.codebooks: 1; "
            "`dvc repro evaluate` measures any layout",
        )


def setup_of(recipe: Recipe, root: Path) -> Setup:
    """What a recipe says about generation, with paths resolved against ``root``."""
    return Setup(
        base=root / recipe.model.path,
        adapter=Paths(root).adapter,
        dtype=recipe.model.dtype,
        device=recipe.runtime.device,
        codec_name=recipe.codec.name,
        codec_path=root / recipe.codec.path,
        tokenizer=root / recipe.tokens.tokenizer,
        how=recipe.generate,
    )

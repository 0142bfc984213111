"""What a recipe says of generation: which songs give prompts, and what sings them with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yue.codecs.card import CodecCard
from yue.codecs.registry import codec_ids
from yue.errors import GenerationError
from yue.generation.prompt_reference import own_references
from yue.generation.prompt_songs import SongSource, choose_songs
from yue.generation.sampling_plan import Setup, audio_prompt_of
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.tokens.layouts.table import GENERATED_LAYOUTS
from yue.tokens.options import Options


def sources_of(setup: Setup, work: Path) -> list[SongSource]:
    """The songs that give prompts, in layout icl with the reference audio they were trained with.

    Raises:
        YueError: There are no songs, or one cannot be used.
    """
    sources = choose_songs(work, setup.how.prompts)
    if setup.options.layout_facts.has_reference and setup.audio_prompt is None:
        ids = codec_ids(setup.codec_name, setup.codec_path)
        return own_references(sources, work, ids, setup.options)
    return sources


def setup_of(recipe: Recipe, root: Path) -> Setup:
    """What a recipe says about generation, with paths resolved against ``root``.

    Raises:
        GenerationError: Nothing can be sung in its layout.
    """
    how = recipe.generate
    card = Paths(root).codes / "codec.json"
    return Setup(
        base=root / recipe.model.path,
        adapter=Paths(root).adapter,
        dtype=recipe.model.dtype,
        device=recipe.runtime.device,
        codec_name=recipe.codec.name,
        codec_path=root / recipe.codec.path,
        tokenizer=root / recipe.tokens.tokenizer,
        how=how,
        options=options_of(recipe, root),
        audio_prompt=audio_prompt_of(how, root),
        stage2=None if how.stage2 is None else root / how.stage2,
        memory=Paths(root).side_store,
        codec_card=CodecCard.read(card) if card.is_file() else None,
    )


def options_of(recipe: Recipe, root: Path) -> Options:
    """How the training songs became documents, with the codebooks that they carry.

    Raises:
        GenerationError: Nothing can be sung in their layout.
    """
    options = Options.of(recipe.tokens)
    if options.layout not in GENERATED_LAYOUTS:
        raise GenerationError(
            f"no songs can be generated after tokens.layout {options.layout}",
            why="songs are lyrics first, then vocal and instrumental taking turns",
            fix=f"train with one of {', '.join(GENERATED_LAYOUTS)}; `dvc repro evaluate` measures "
            "any layout",
        )
    ids = options.ids(codec_ids(recipe.codec.name, root / recipe.codec.path))
    return replace(options, codebooks=min(ids.codebooks, recipe.codec.codebooks))

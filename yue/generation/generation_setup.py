"""What songs are generated with, as a recipe or a command line says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from yue.codecs.card import CodecCard
from yue.codecs.registry import codec_ids
from yue.errors import GenerationError
from yue.generation.prompt_reference import AudioPrompt, own_references
from yue.generation.prompt_songs import SongSource, choose_songs
from yue.paths import Paths
from yue.recipe.model import Generate, Recipe
from yue.tokens.layouts.table import GENERATED_LAYOUTS
from yue.tokens.options import Options


@dataclass(frozen=True)
class GenerationSetup:
    """Models, codec and settings.

    Attributes:
        base: The base model's folder.
        adapter: The PEFT folder, or None for the base model alone.
        dtype: "float32" or "bfloat16".
        device: "auto", "cpu" or "cuda".
        codec_name: The codec, by name.
        codec_path: Its weights.
        tokenizer: The SentencePiece model.
        how: How long, with which sampling, from which seed.
        options: How the songs that the adapter learned from became documents.
        audio_prompt: Reference audio for all songs, or None.
        stage2: The folder of a model that adds codebooks, or None.
        memory: A folder that remembers the digests of the base model's files; None reads them all.
        codec_card: The codec of the training songs' codes, or None where it is not known.
    """

    base: Path
    adapter: Path | None
    dtype: str
    device: str
    codec_name: str
    codec_path: Path
    tokenizer: Path
    how: Generate
    options: Options
    audio_prompt: AudioPrompt | None
    stage2: Path | None
    memory: Path | None = None
    codec_card: CodecCard | None = None


def setup_of(recipe: Recipe, root: Path) -> GenerationSetup:
    """Read a setup from a recipe, with paths resolved against ``root``.

    Raises:
        GenerationError: Nothing can be generated in its layout.
    """
    how = recipe.generate
    card = Paths(root).codes / "codec.json"
    return GenerationSetup(
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


def audio_prompt_of(how: Generate, root: Path) -> AudioPrompt | None:
    """Return the reference audio that is asked for, its paths against ``root``."""
    files = [how.audio_prompt, how.vocal_prompt, how.instrumental_prompt]
    paths = tuple(root / file for file in files if file is not None)
    return AudioPrompt(paths, how.prompt_start, how.prompt_end) if paths else None


def options_of(recipe: Recipe, root: Path) -> Options:
    """Return how the training songs became documents, with the codebooks that they carry.

    Raises:
        GenerationError: Nothing can be generated in their layout.
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


def sources_of(setup: GenerationSetup, work: Path) -> list[SongSource]:
    """Choose songs that give prompts; in layout icl each with the reference it was trained with.

    Raises:
        YueError: There are no songs, or one cannot be used.
    """
    sources = choose_songs(work, setup.how.prompts)
    if setup.options.layout_facts.has_reference and setup.audio_prompt is None:
        ids = codec_ids(setup.codec_name, setup.codec_path)
        return own_references(sources, work, ids, setup.options)
    return sources

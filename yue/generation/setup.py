"""What samples are made with, as a recipe or a command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yue.codecs.card import CodecCard
from yue.generation.reference import AudioPrompt
from yue.recipe.model import Generate
from yue.tokens.options import Options


@dataclass(frozen=True)
class Setup:
    """What samples are made with.

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


def audio_prompt_of(how: Generate, root: Path) -> AudioPrompt | None:
    """The reference audio that is asked for, its paths against ``root``."""
    files = [how.audio_prompt, how.vocal_prompt, how.instrumental_prompt]
    paths = tuple(root / file for file in files if file is not None)
    return AudioPrompt(paths, how.prompt_start, how.prompt_end) if paths else None

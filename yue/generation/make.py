"""From songs that give prompts to a folder of samples: checks first, then models, then files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from yue.errors import GenerationError
from yue.generation.adapter import BaseCard, check_adapter, load_tuned, read_base
from yue.generation.prompt import SongPrompt, song_prompt
from yue.generation.records import Sample, write_samples
from yue.generation.sampling import Sampling
from yue.generation.song import SectionCodes, SectionLimits, check_context
from yue.generation.source import SongSource
from yue.generation.write import SampleWriter

if TYPE_CHECKING:
    from yue.tokens.vocabulary import CodecRange

# Songs that go through the model together; bounds the memory of the key/value cache.
_BATCH = 8
# YuE's inference asks for at least 100 tokens, 50 frames of 50 a second.
_MIN_SECTION_SECONDS = 1.0
_MIN_SONG_SECONDS = 5.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Setup:
    """What samples are made with.

    Attributes:
        base: The base model's folder.
        adapter: The PEFT folder.
        dtype: "float32" or "bfloat16".
        device: "cpu" or "cuda".
        codec_name: The codec, by name.
        codec_path: Its weights.
        tokenizer: The SentencePiece model.
        sampling: How to sample.
        seconds: Longest section.
        sections: How many sections of a song to generate; None is all.
        seed: Of the first song; the next songs count up.
        compare_base: Whether to sample the base model too, with the same random numbers.
    """

    base: Path
    adapter: Path
    dtype: str
    device: str
    codec_name: str
    codec_path: Path
    tokenizer: Path
    sampling: Sampling
    seconds: float
    sections: int | None
    seed: int
    compare_base: bool


def section_limits(seconds: float, sections: int, frame_rate: Fraction) -> SectionLimits:
    """Frames of a section: at most ``seconds``, at least so many that the song has 5 seconds."""
    longest = int(seconds * frame_rate)
    if longest < 1:
        raise GenerationError(
            f"a section of {seconds} seconds has no frame at {float(frame_rate):g} frames a second",
            fix="raise generate.seconds (--seconds)",
        )
    shortest = max(_MIN_SECTION_SECONDS, _MIN_SONG_SECONDS / max(1, sections))
    return SectionLimits(min(longest, math.ceil(Fraction(shortest) * frame_rate)), longest)


def make_samples(
    sources: Sequence[SongSource],
    setup: Setup,
    folder: Path,
    progress: Progress = lambda done, total: None,
) -> list[Sample]:
    """Generate every song with the tuned (and the base) model and write all samples.

    Whatever can be checked without the models' weights is checked first.

    Args:
        sources: The songs that give prompts.
        setup: What to make them with.
        folder: An existing folder, for the WAV files, the codes and ``samples.json``.
        progress: Called with (frames made, frames at most).

    Returns:
        The samples, song by song: original, roundtrip, base, tuned as far as there are.

    Raises:
        GenerationError: No lyrics, an adapter or base model that is missing or does not fit, a
            section longer than the context.
        YueError: The codec or the tokenizer cannot be loaded.
    """
    from yue.codecs.registry import load_codec
    from yue.tokens.text import TextTokenizer
    from yue.tokens.vocabulary import codec_range

    ids = codec_range(setup.codec_name)
    base = read_base(
        setup.base, needed_ids=max(ids.offset + ids.codebook_size, *ids.separators) + 1
    )
    check_adapter(setup.adapter)
    tokenizer = TextTokenizer(setup.tokenizer)
    prompts = [
        song_prompt(
            tokenizer,
            ids,
            genres=source.genres,
            line_contents=source.line_contents,
            sections=setup.sections,
            seed=setup.seed + number,
        )
        for number, source in enumerate(sources)
    ]
    codec = load_codec(setup.codec_name, setup.codec_path, device=setup.device)
    limits = [
        section_limits(setup.seconds, len(prompt.openings), codec.frame_rate) for prompt in prompts
    ]
    check_context(prompts, limits, base.context)
    sung = _sing(prompts, limits, ids, base, setup, progress)
    writer = SampleWriter(folder, codec)
    samples = []
    for number, source in enumerate(sources):
        samples += writer.references(source, limits[number], len(prompts[number].openings))
        for model, songs in sung.items():
            samples.append(writer.generated(source, model, songs[number], prompts[number]))
    write_samples(folder, samples)
    return samples


def _sing(
    prompts: list[SongPrompt],
    limits: list[SectionLimits],
    ids: CodecRange,
    base: BaseCard,
    setup: Setup,
    progress: Progress,
) -> dict[str, list[list[SectionCodes]]]:
    """The sections of every song, by model."""
    from yue.generation.stage1 import Stage1

    tuned = load_tuned(base, setup.adapter, dtype=setup.dtype, device=setup.device)
    models = ("base", "tuned") if setup.compare_base else ("tuned",)
    total = len(models) * sum(
        limit.max_frames * len(prompt.openings)
        for prompt, limit in zip(prompts, limits, strict=True)
    )
    done = 0

    def step(frames: int) -> None:
        nonlocal done
        done += frames
        progress(done, total)

    sung: dict[str, list[list[SectionCodes]]] = {}
    for name in models:
        with tuned.use(name) as model:
            stage1 = Stage1(model, ids, setup.sampling)
            sung[name] = [
                song
                for first in range(0, len(prompts), _BATCH)
                for song in stage1.generate(
                    prompts[first : first + _BATCH], limits[first : first + _BATCH], step
                )
            ]
    return sung

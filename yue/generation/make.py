"""From songs that give prompts to a folder of samples: checks first, then models, then files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from yue.errors import GenerationError
from yue.generation.prompt import SongPrompt, song_prompt
from yue.generation.records import Sample, write_samples
from yue.generation.sampling import Sampling
from yue.generation.song import SectionCodes, SectionLimits, check_context
from yue.generation.source import SongSource
from yue.generation.write import SampleWriter
from yue.progress import Progress

if TYPE_CHECKING:
    from yue.codecs.base import Codec
    from yue.lm.tuned import TunedModel
    from yue.recipe.model import Generate
    from yue.tokens.vocabulary import CodecRange

# Songs that go through the model together; bounds the memory of the key/value cache.
_BATCH = 8
# YuE's inference asks for at least 100 tokens, 50 frames of 50 a second.
_MIN_SECTION_SECONDS = 1
# Less says little about how a model sounds.
_MIN_SONG_SECONDS = 5


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
    """

    base: Path
    adapter: Path | None
    dtype: str
    device: str
    codec_name: str
    codec_path: Path
    tokenizer: Path
    how: Generate


@dataclass(frozen=True)
class _Plan:
    """What to generate: a prompt for each song, and how long its sections may be."""

    prompts: list[SongPrompt]
    limits: SectionLimits

    @property
    def frames(self) -> int:
        """Frames of all songs at most."""
        return self.limits.max_frames * sum(len(prompt.openings) for prompt in self.prompts)


def make_samples(sources: Sequence[SongSource], setup: Setup, folder: Path) -> list[Sample]:
    """Generate every song with the base and the tuned model and write all samples.

    Whatever can be checked without the model's weights is checked first. Both models draw with the
    same random numbers.

    Args:
        sources: The songs that give prompts.
        setup: What to make them with.
        folder: An existing folder, for the WAV files, the codes and ``samples.json``.

    Returns:
        The samples, song by song: original, roundtrip, base, tuned as far as there are.

    Raises:
        GenerationError: No lyrics, an adapter that is missing or does not fit, a section longer
            than the context.
        YueError: The base model, the codec or the tokenizer cannot be loaded.
    """
    from yue.codecs.registry import load_codec
    from yue.lm.base import read_base
    from yue.lm.device import pick_device
    from yue.lm.tuned import check_adapter, load_tuned
    from yue.tokens.vocabulary import codec_range

    ids = codec_range(setup.codec_name)
    device = pick_device(setup.device)
    base = read_base(setup.base, needed_rows=ids.rows)
    if setup.adapter is not None:
        check_adapter(setup.adapter)
    codec = load_codec(setup.codec_name, setup.codec_path, device=device)
    ids = replace(ids, sizes=codec.codebook_sizes)  # it may have fewer codes than the vocabulary
    plan = _plan(sources, setup, ids, codec)
    check_context(plan.prompts, plan.limits, base.context)
    model = load_tuned(
        setup.base, setup.adapter, dtype=setup.dtype, device=device, needed_rows=ids.rows
    )
    sung = _sing(plan, model, ids, setup.how)
    return _write(sources, plan, sung, codec, folder)


def _plan(sources: Sequence[SongSource], setup: Setup, ids: CodecRange, codec: Codec) -> _Plan:
    from yue.tokens.text import TextTokenizer

    tokenizer = TextTokenizer(setup.tokenizer)
    prompts = [
        song_prompt(
            tokenizer,
            ids,
            genres=source.genres,
            line_contents=source.line_contents,
            sections=setup.how.max_sections,
            seed=setup.how.seed + number,
        )
        for number, source in enumerate(sources)
    ]
    return _Plan(prompts, section_limits(setup.how.seconds, codec.frame_rate))


def section_limits(seconds: float, frame_rate: Fraction) -> SectionLimits:
    """How long sections may be, in frames.

    Raises:
        GenerationError: ``seconds`` is less than a frame.
    """
    longest = int(Fraction(str(seconds)) * frame_rate)  # 0.3 s are 15 frames of 50, not 14.99
    if longest < 1:
        raise GenerationError(
            f"a section of {seconds} seconds has no frame at {float(frame_rate):g} frames a second",
            fix="raise generate.seconds (--seconds)",
        )
    return SectionLimits(
        min_frames=min(longest, math.ceil(_MIN_SECTION_SECONDS * frame_rate)),
        max_frames=longest,
        min_song_frames=math.ceil(_MIN_SONG_SECONDS * frame_rate),
    )


def _sing(
    plan: _Plan, model: TunedModel, ids: CodecRange, how: Generate
) -> dict[str, list[list[SectionCodes]]]:
    """The sections of every song, by model."""
    from yue.generation.stage1 import Stage1

    sampling = Sampling(
        temperature=how.temperature,
        top_k=how.top_k,
        top_p=how.top_p,
        repetition_penalty=how.repetition_penalty,
        guidance_scale=how.guidance_scale,
    )
    names = model.models if how.compare_base else model.models[-1:]
    sung: dict[str, list[list[SectionCodes]]] = {name: [] for name in names}
    with Progress("generate", len(names) * plan.frames, "frames") as progress:
        for name in names:
            if name == "tuned":
                model.merge()
            with model.use(name) as lm:
                stage1 = Stage1(lm, ids, sampling)
                for first in range(0, len(plan.prompts), _BATCH):
                    batch = slice(first, first + _BATCH)
                    sung[name] += stage1.generate(
                        plan.prompts[batch], plan.limits, progress.advance
                    )
    return sung


def _write(
    sources: Sequence[SongSource],
    plan: _Plan,
    sung: dict[str, list[list[SectionCodes]]],
    codec: Codec,
    folder: Path,
) -> list[Sample]:
    writer = SampleWriter(folder, codec)
    samples = []
    for number, source in enumerate(sources):
        prompt = plan.prompts[number]
        samples += writer.references(source, plan.limits, len(prompt.openings))
        for name, songs in sung.items():
            samples.append(writer.generated(source, name, songs[number], prompt))
    write_samples(folder, samples)
    return samples

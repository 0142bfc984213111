"""Everything that is known before the models' weights are read: checks, prompts, limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from yue.codecs.base import Codec
from yue.codecs.card import same_codec
from yue.codecs.codec_weights import locate
from yue.codecs.registry import codec_ids, load_codec
from yue.codecs.vocos import Upsampler, load_upsampler
from yue.device import pick_device
from yue.errors import GenerationError
from yue.generation.fit_checks import check_weights
from yue.generation.generation_setup import GenerationSetup
from yue.generation.prompt import SongPrompt, song_prompt
from yue.generation.prompt_reference import encode_prompt
from yue.generation.prompt_songs import SongSource
from yue.generation.song_state import Alphabet, SectionLimits, check_context
from yue.generation.stage2_model import check_stage2
from yue.lm.adapter_fit import check_fit
from yue.lm.base_facts import read_base
from yue.tokens.options import Options
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange

# YuE's inference asks for at least 100 tokens, 50 frames of 50 a second.
_MIN_SECTION_SECONDS = 1
# Less says little about how a model sounds.
_MIN_SONG_SECONDS = 5


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """What to generate.

    Attributes:
        prompts: One for each song.
        limits: How long their sections may be.
        alphabet: What stage 1 can draw.
        stage2: The ids of the codebooks that stage 2 fills, or None where there is none.
        codec: Decodes the codes.
        upsampler: Decodes them at 44.1 kHz, if that is asked for.
        device: "cpu" or "cuda".
    """

    prompts: list[SongPrompt]
    limits: SectionLimits
    alphabet: Alphabet
    stage2: CodecRange | None
    codec: Codec
    upsampler: Upsampler | None
    device: str

    @property
    def codebooks(self) -> int:
        """Codebooks of the songs in the end."""
        return (self.stage2 or self.alphabet.codec).codebooks

    @property
    def frames(self) -> int:
        """Frames of all songs at most."""
        return self.limits.max_frames * sum(len(prompt.sections) for prompt in self.prompts)


def make_plan(sources: Sequence[SongSource], setup: GenerationSetup) -> SamplingPlan:
    """Check everything that is asked for, and build the prompts.

    Args:
        sources: The songs that give prompts.
        setup: What to make them with.

    Raises:
        GenerationError: No lyrics, an adapter that is missing or does not fit, a section longer
            than the context, an audio prompt without audio.
        YueError: The base model, the codec, the tokenizer or an audio file cannot be used.
    """
    vocabulary = codec_ids(setup.codec_name, setup.codec_path)
    ids = setup.options.ids(vocabulary)
    device = pick_device(setup.device)
    base = read_base(setup.base, needed_rows=vocabulary.rows)
    check_weights(setup.base)
    if setup.adapter is not None:
        check_fit(setup.adapter, setup.base, setup.memory)
    codec = load_codec(setup.codec_name, setup.codec_path, device=device)
    if setup.codec_card is not None:
        same_codec(setup.codec_card, codec.card)
    if codec.codebooks < ids.codebooks:
        raise GenerationError(
            f"{setup.codec_path}: {codec.codebooks} codebooks, and songs would have "
            f"{ids.codebooks}",
            fix="use the codec that made the codes of the training songs",
        )
    stage2 = _stage2_ids(setup.stage2, ids, vocabulary, codec.codebooks)
    codec.ready_to_decode((stage2 or ids).codebooks)
    upsampler = load_upsampler(codec, locate(setup.codec_path)) if setup.how.upsample else None
    alphabet = Alphabet(ids, codec.codebook_sizes[: ids.codebooks])
    prompts = _build_prompts(sources, setup, ids, codec)
    limits = section_limits(setup.how.seconds, codec.frame_rate, ids.align)
    check_context(prompts, limits, alphabet.width, base.context)
    return SamplingPlan(prompts, limits, alphabet, stage2, codec, upsampler, device)


def _stage2_ids(
    path: Path | None, ids: CodecRange, vocabulary: CodecRange, codebooks: int
) -> CodecRange | None:
    """Return the ids of the codebooks that stage 2 fills, as far as the codec has them."""
    if path is None:
        return None
    books = min(vocabulary.stage2_codebooks, codebooks)
    filled = Options(layout="stage2", codebooks=books).ids(vocabulary)
    if ids.codebooks > 1:
        raise GenerationError(
            f"stage 2 ({path}) after documents of {ids.codebooks} codebooks of {ids.name}",
            why="it adds codebooks to one",
            fix="leave generate.stage2 (--stage2) out, or train with tokens.codebooks: 1",
        )
    if not (path / "config.json").is_file():
        raise GenerationError(
            f"no stage-2 model in {path}",
            why="config.json is not there",
            fix="correct generate.stage2 (--stage2); models/stage2/README.md says where to get one",
        )
    check_stage2(path, filled, read_base(path, needed_rows=filled.rows).context)
    check_weights(path)
    return filled


def _build_prompts(
    sources: Sequence[SongSource], setup: GenerationSetup, ids: CodecRange, codec: Codec
) -> list[SongPrompt]:
    options, shared = setup.options, None
    specials = options.specials_in_text or not options.strict
    tokenizer = TextTokenizer(setup.tokenizer, specials_in_text=specials)
    if setup.audio_prompt is not None:
        shared = encode_prompt(setup.audio_prompt, codec, ids)
    return [
        song_prompt(
            tokenizer,
            ids,
            song_id=source.song_id,
            layout=options.layout,
            genres=source.genres,
            line_contents=source.line_contents,
            reference=source.reference if shared is None else shared,
            sections=setup.how.max_sections,
            seed=setup.how.seed + number,
        )
        for number, source in enumerate(sources)
    ]


def section_limits(seconds: float, frame_rate: Fraction, align: int = 1) -> SectionLimits:
    """Return how long sections may be, in frames.

    Args:
        seconds: The longest.
        frame_rate: Frames a second.
        align: Sections end at multiples of so many frames.

    Raises:
        GenerationError: ``seconds`` is less than a frame.
    """
    frames = int(Fraction(str(seconds)) * frame_rate)  # 0.3 s are 15 frames of 50, not 14.99
    longest = frames // align * align
    if longest < 1:
        raise GenerationError(
            f"a section of {seconds} seconds has no frame at {float(frame_rate):g} frames a second"
            + (f", which come by {align}" if align > 1 else ""),
            fix="raise generate.seconds (--seconds)",
        )
    return SectionLimits(
        min_frames=min(longest, math.ceil(_MIN_SECTION_SECONDS * frame_rate)),
        max_frames=longest,
        min_song_frames=math.ceil(_MIN_SONG_SECONDS * frame_rate),
    )

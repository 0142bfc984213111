"""From songs that give prompts to a folder of samples: checks first, then models, then files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yue.generation.generation_setup import GenerationSetup
from yue.generation.prompt_songs import SongSource
from yue.generation.sample_records import Sample, write_samples
from yue.generation.sample_writer import SampleWriter
from yue.generation.sampling_plan import SamplingPlan, make_plan
from yue.generation.song_state import TRACKS, Codes, GeneratedSong
from yue.generation.stage1 import Stage1
from yue.generation.stage2_model import Stage2
from yue.generation.token_sampling import Sampling
from yue.lm.load import TunedModel, load_base, load_tuned
from yue.progress import progress_bar
from yue.recipe.model import Generate

# Songs that go through the model together: bounds the memory of the key/value cache, and makes 402
# tokens a core second where one song alone makes 109 (benchmarks/RESULTS.md).
_BATCH = 8


def make_samples(
    sources: Sequence[SongSource],
    setup: GenerationSetup,
    folder: Path,
    model: TunedModel | None = None,
) -> list[Sample]:
    """Generate every song with the base and the tuned model and write all samples.

    Whatever can be checked without the models' weights is checked first. Both models draw with the
    same random numbers, and stage 2 is the same for both.

    Args:
        sources: The songs that give prompts.
        setup: What to make them with.
        folder: An existing folder, for the WAV files, the codes and ``samples.json``.
        model: The model of stage 1 where it is loaded already, else ``setup`` names it.

    Returns:
        The samples, song by song: original, roundtrip, base, tuned as far as there are.

    Raises:
        GenerationError: No lyrics, an adapter that is missing or does not fit, a section longer
            than the context.
        YueError: A model, the codec, the tokenizer or an audio prompt cannot be used.
    """
    plan = make_plan(sources, setup)
    generated = _run_stage1(plan, setup, model)
    codes = {name: [song.codes for song in songs] for name, songs in generated.items()}
    if plan.stage2 is not None:
        _run_stage2(plan, setup, [song for songs in codes.values() for song in songs])
    writer = SampleWriter(folder, plan.codec, plan.upsampler)
    samples = []
    for number, source in enumerate(sources):
        prompt = plan.prompts[number]
        samples += writer.references(source, plan.limits, len(prompt.sections), plan.codebooks)
        for name, songs in generated.items():
            song = songs[number]
            samples.append(writer.generated(source, name, song, codes[name][number]))
    write_samples(folder, samples)
    return samples


def _run_stage1(
    plan: SamplingPlan, setup: GenerationSetup, model: TunedModel | None
) -> dict[str, list[GeneratedSong]]:
    """Generate every song, by model."""
    model = model or load_tuned(
        setup.base,
        setup.adapter,
        dtype=setup.dtype,
        device=plan.device,
        needed_rows=plan.alphabet.codec.rows,
    )
    names = model.models if setup.how.compare_base else model.models[-1:]
    generated: dict[str, list[GeneratedSong]] = {name: [] for name in names}
    with progress_bar("generate", len(names) * plan.frames, "frames") as progress:
        for name in names:
            if name == "tuned":
                model.merge()
            with model.use(name) as lm:
                stage1 = Stage1(lm, plan.alphabet, _sampling_of(setup.how))
                for first in range(0, len(plan.prompts), _BATCH):
                    batch = plan.prompts[first : first + _BATCH]
                    generated[name] += stage1.generate(batch, plan.limits, progress.update)
    return generated


def _sampling_of(how: Generate) -> Sampling:
    return Sampling(
        temperature=how.temperature,
        top_k=how.top_k,
        top_p=how.top_p,
        repetition_penalty=how.repetition_penalty,
        guidance_scale=how.guidance_scale,
    )


def _run_stage2(
    plan: SamplingPlan, setup: GenerationSetup, songs: Sequence[dict[str, Codes]]
) -> None:
    """Add the other codebooks to the codes of every song and track, in place."""
    assert setup.stage2 is not None
    assert plan.stage2 is not None
    ids = plan.stage2
    lm = load_base(setup.stage2, dtype=setup.dtype, device=plan.device, needed_rows=ids.rows).eval()
    stage2 = Stage2(lm, ids, plan.codec.codebook_sizes[: ids.codebooks])
    firsts = [song[track][0] for song in songs for track in TRACKS]
    with progress_bar("stage 2", sum(map(len, firsts)), "frames") as progress:
        filled = iter(stage2.fill(firsts, progress.update))
    for song in songs:
        song.update({track: next(filled) for track in TRACKS})

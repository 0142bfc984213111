"""From songs that give prompts to a folder of samples: checks first, then models, then files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yue.generation.prompt_songs import SongSource
from yue.generation.sample_records import Sample, write_samples
from yue.generation.sampling_plan import Plan, Setup, make_plan
from yue.generation.song_state import Codes, SungSong
from yue.generation.stage1 import Stage1
from yue.generation.stage2_model import Stage2
from yue.generation.token_sampling import Sampling
from yue.generation.write_samples import SampleWriter
from yue.lm.load import TunedModel, load_base, load_tuned
from yue.progress import progress_bar
from yue.recipe.model import Generate

# Songs that go through the model together; bounds the memory of the key/value cache.
_BATCH = 8
_TRACKS = ("vocal", "instrumental")

ByModel = dict[str, list[SungSong]]


def make_samples(
    sources: Sequence[SongSource], setup: Setup, folder: Path, model: TunedModel | None = None
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
    sung = _sing(plan, setup, model)
    codes = _fill(plan, setup, sung)
    writer = SampleWriter(folder, plan.codec, plan.upsampler)
    samples = []
    for number, source in enumerate(sources):
        prompt = plan.prompts[number]
        sections = len(prompt.openings)
        samples += writer.references(source, plan.limits, sections, plan.codebooks)
        for name, songs in sung.items():
            song, found = songs[number], codes[name][number]
            samples.append(writer.generated(source, name, song, found, prompt.seed))
    write_samples(folder, samples)
    return samples


def _sing(plan: Plan, setup: Setup, model: TunedModel | None) -> ByModel:
    """Stage 1 of every song, by model."""
    model = model or load_tuned(
        setup.base,
        setup.adapter,
        dtype=setup.dtype,
        device=plan.device,
        needed_rows=plan.alphabet.codec.rows,
    )
    names = model.models if setup.how.compare_base else model.models[-1:]
    sung: ByModel = {name: [] for name in names}
    with progress_bar("generate", len(names) * plan.frames, "frames") as bar:
        for name in names:
            if name == "tuned":
                model.merge()
            with model.use(name) as lm:
                stage1 = Stage1(lm, plan.alphabet, _sampling(setup.how))
                for first in range(0, len(plan.prompts), _BATCH):
                    batch = plan.prompts[first : first + _BATCH]
                    sung[name] += stage1.generate(batch, plan.limits, bar.update)
    return sung


def _sampling(how: Generate) -> Sampling:
    return Sampling(
        temperature=how.temperature,
        top_k=how.top_k,
        top_p=how.top_p,
        repetition_penalty=how.repetition_penalty,
        guidance_scale=how.guidance_scale,
    )


def _fill(plan: Plan, setup: Setup, sung: ByModel) -> dict[str, list[dict[str, Codes]]]:
    """The codes to decode, by model, song and track: stage 1's, or what stage 2 makes of them."""
    songs = [song for model in sung.values() for song in model]
    tracks: list[Codes] = [getattr(song, track) for song in songs for track in _TRACKS]
    if setup.stage2 is not None and plan.stage2 is not None:
        ids = plan.stage2
        lm = load_base(
            setup.stage2, dtype=setup.dtype, device=plan.device, needed_rows=ids.rows
        ).eval()
        stage2 = Stage2(lm, ids, plan.codec.codebook_sizes[: ids.codebooks])
        frames = sum(track.shape[1] for track in tracks)
        with progress_bar("stage 2", frames, "frames") as bar:
            tracks = stage2.fill([track[0] for track in tracks], bar.update)
    pairs = iter(zip(tracks[0::2], tracks[1::2], strict=True))
    return {
        name: [dict(zip(_TRACKS, next(pairs), strict=True)) for _ in model]
        for name, model in sung.items()
    }

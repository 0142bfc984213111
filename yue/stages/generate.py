"""Stage ``generate``: songs by the tuned and the base model, from held-out prompts."""

from __future__ import annotations

from pathlib import Path

from yue.checkpoints.adapter_record import refuse_other_adapter
from yue.files import atomic_folder
from yue.generation.fit_checks import check_codec
from yue.generation.generation_setup import setup_of, sources_of
from yue.generation.make_samples import make_samples
from yue.generation.sample_records import write_samples
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.tokens.layouts.table import GENERATED_LAYOUTS, LAYOUTS
from yue.wording import StageSummary, counted, quoted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/samples/``: WAV files, codes, tokens and ``samples.json``.

    A model that was not taught to sing makes no samples, which is no fault.

    Raises:
        GenerationError: A prompt or model cannot be used, or the adapter learned other codes.
    """
    if recipe.tokens.layout not in GENERATED_LAYOUTS:
        return _write_no_samples(recipe, paths)
    setup = setup_of(recipe, paths.root)
    if paths.adapter.is_dir():
        refuse_other_adapter(paths.adapter, recipe)
        check_codec(paths.adapter, setup.codec_name, setup.codec_path)
    sources = sources_of(setup, paths.work)
    with atomic_folder(paths.samples) as folder:
        samples = make_samples(sources, setup, folder)
    made = [sample for sample in samples if sample.model in ("base", "tuned")]
    held_out = all(source.split != "train" for source in sources)
    return StageSummary(
        made=f"{counted(len(made), 'song')}, {sum(sample.seconds for sample in made):.0f} "
        f"seconds of music for {counted(len(sources), 'prompt')} in "
        f"{paths.samples.relative_to(paths.root)}",
        rejected="nothing"
        if held_out
        else "nothing; but there are too few held-out songs, so training songs give prompts too",
        next="listen to the WAV files there, or to all of them side by side: dvc repro report",
    )


def _write_no_samples(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write an empty list of samples, and say how else the adapter is put to use."""
    with atomic_folder(paths.samples) as folder:
        write_samples(folder, [])
    measured = "metrics/eval.json says what was learned"
    layouts = " or ".join(GENERATED_LAYOUTS)
    merge = (
        f"yue merge --base {quoted(Path(recipe.model.path))} --adapter work/adapter --output-dir"
    )
    return StageSummary(
        made=f"no songs: after tokens.layout {recipe.tokens.layout} there is nothing to sing",
        rejected="nothing",
        next=f"{measured}. To hear it, `{merge} PROJECT/models/stage2/mine` and set "
        "generate.stage2: models/stage2/mine in PROJECT, one of stage 1"
        if LAYOUTS[recipe.tokens.layout].stage == 2
        else f"{measured}. To hear songs, train with tokens.layout {layouts}",
    )

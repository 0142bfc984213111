"""The report: facts, sounds and the token view, put through the template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from yue.evaluation.samples.unavailable import UNAVAILABLE
from yue.generation.records import Sample
from yue.recipe.model import Recipe
from yue.report.charts import charts
from yue.report.facts import Facts
from yue.report.likeness import likeness
from yue.report.players import MODEL_NAMES, SHORT_NAMES, blind_pairs, load_songs
from yue.report.template import render_page
from yue.report.tokens import DocumentView
from yue.report.verdict import MAX_RUN_SECONDS, MAX_SILENCE, judge


def render(
    facts: Facts,
    samples: Sequence[Sample],
    folder: Path,
    document: DocumentView,
    recipe: Recipe,
    progress: Callable[[], None] = lambda: None,
) -> str:
    """The whole page as HTML without references to anything outside it.

    Args:
        facts: Metrics, curves, run card and data card.
        samples: What is to be heard.
        folder: Where their files are.
        document: The token view.
        recipe: The recipe, for the run card.
        progress: Called after each sample whose sounds are ready.

    Raises:
        YueError: A sample's file is missing.
    """
    songs = load_songs(samples, folder, progress)
    return render_page(
        "report.html",
        ("players.js", "tabs.js", "blind.js"),
        title=recipe.name,
        verdict=judge(facts, samples),
        facts=facts,
        roles=list(facts.evaluation.change),
        charts=charts(facts),
        likeness=likeness(facts.samples),
        songs=songs,
        blind={
            "report": recipe.name,
            "recipe_digest": facts.run.get("recipe_digest", ""),
            "seed": recipe.generate.seed,
            "pairs": blind_pairs(songs),
        },
        generated=[sample for sample in samples if sample.model in ("base", "tuned")],
        model_names=MODEL_NAMES,
        short_names=SHORT_NAMES,
        limits={"silence": MAX_SILENCE, "hold": MAX_RUN_SECONDS},
        unavailable=UNAVAILABLE,
        document=document,
        recipe=asdict(recipe),
    )

"""The report, and what both pages have in common: templates, style, scripts, policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from yue.evaluation.sample_metrics import UNAVAILABLE
from yue.generation.sample_records import Sample
from yue.recipe.model import Recipe
from yue.report.charts import charts
from yue.report.detail_tables import DocumentView, likeness
from yue.report.facts import Facts
from yue.report.players import MODEL_NAMES, SHORT_NAMES, Playlist, blind_pairs
from yue.report.verdict import MAX_RUN_SECONDS, MAX_SILENCE, judge
from yue.wording import counted

# The browser itself holds a page to carrying all it shows: nothing may be loaded from anywhere.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def render_page(name: str, scripts: tuple[str, ...], **values: Any) -> str:
    """Render a whole page as HTML without references to anything outside it.

    Args:
        name: Its template.
        scripts: Its scripts, in order.
        values: What the template shows.
    """
    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    environment.filters["signed"] = lambda value: f"{value:+.3f}"
    environment.filters["percent"] = lambda value: f"{100 * value:.1f} %"
    return environment.get_template(name).render(
        style=asset("report.css"),
        script="\n".join(asset(script) for script in scripts),
        policy=POLICY,
        **values,
    )


def asset(name: str) -> str:
    """Read the text of a file beside this one."""
    return files("yue.report").joinpath(name).read_text(encoding="utf-8")


def render(
    facts: Facts,
    samples: Sequence[Sample],
    folder: Path,
    document: DocumentView,
    recipe: Recipe,
    progress: Callable[[], None] = lambda: None,
) -> str:
    """Render the report as HTML without references to anything outside it.

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
    playlist = Playlist()
    for sample in samples:
        playlist.add(sample, folder)
        progress()
    songs = list(playlist.songs.values())
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

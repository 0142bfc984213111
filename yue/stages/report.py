"""Stage ``report``: one page with the verdict, the curves and the music."""

from __future__ import annotations

from yue.files import write_text
from yue.generation.records import read_samples
from yue.paths import Paths
from yue.progress import Progress
from yue.recipe.model import Recipe
from yue.report.facts import read_facts
from yue.report.page import recipe_values, render
from yue.report.tokens import view_document
from yue.report.verdict import judge
from yue.stages import StageSummary


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``report.html``."""
    facts = read_facts(paths)
    samples = read_samples(paths.samples)
    document = view_document(
        paths.tokens / "train",
        paths.root / recipe.tokens.tokenizer,
        frozenset(recipe.train.loss_on),
    )
    with Progress("report", len(samples), "samples") as progress:
        page = render(
            facts, samples, paths.samples, document, recipe_values(recipe), progress.advance
        )
    write_text(paths.report, page)
    verdict = judge(facts, samples)
    return StageSummary(
        made=f"{paths.report.name}, {len(page) / 1e6:.1f} MB, needs no network",
        rejected=f"nothing; the page has {len(verdict.warnings)} warnings",
        next=f"open {paths.report.name} in a browser. {verdict.line}",
    )

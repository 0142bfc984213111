"""Stage ``report``: what the samples are like, and one page with the verdict and the music."""

from __future__ import annotations

from yue.checkpoints.adapter_record import refuse_other_adapter
from yue.evaluation.measure_samples import measure_samples
from yue.evaluation.sample_metrics import UNAVAILABLE, write_sample_metrics
from yue.files import write_text
from yue.generation.sample_records import MODELS, read_samples
from yue.lm.base_facts import base_digest
from yue.paths import Paths
from yue.progress import progress_bar
from yue.recipe.model import Recipe
from yue.report.detail_tables import view_document
from yue.report.facts import read_facts
from yue.report.page import render
from yue.report.verdict import judge
from yue.wording import StageSummary, counted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``metrics/samples.json`` and ``report.html``.

    Raises:
        YueError: A result is missing, or the adapter is not the active recipe's.
    """
    base = base_digest(paths.root / recipe.model.path, paths.side_store)
    refuse_other_adapter(paths.adapter, recipe, base_digest=base)
    samples = read_samples(paths.samples)
    with progress_bar("report", len(MODELS) + len(samples), "samples") as bar:
        measured = measure_samples(samples, paths.samples, paths.tokens, bar.update)
        write_sample_metrics(paths.metrics / "samples.json", measured)
        facts = read_facts(paths, measured)
        document = view_document(
            paths.tokens / "train",
            paths.root / recipe.tokens.tokenizer,
            frozenset(recipe.train.loss_on),
        )
        page = render(facts, samples, paths.samples, document, recipe, bar.update)
    write_text(paths.report, page)
    verdict = judge(facts, samples)
    missing = ", ".join(metric.name for metric in UNAVAILABLE)
    more = f", and says how to get what needs further models ({missing})" if samples else ""
    return StageSummary(
        made=f"{paths.report.name}, {len(page) / 1e6:.1f} MB, needs no network",
        rejected=f"nothing; the page has {counted(len(verdict.warnings), 'warning')}{more}",
        next=f"open {paths.report.name} in a browser. {verdict.line} {verdict.samples}".rstrip(),
    )

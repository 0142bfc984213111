"""Verbs over a project's experiments: ``metrics`` is a table, ``compare`` a page with players."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from yue.commands import Verb
from yue.commands.stage import print_summary, project_paths
from yue.files import write_text
from yue.wording import StageSummary

METRICS_EXAMPLE = "yue metrics\n  yue metrics --num 3 --json"


def _add_metrics_arguments(parser: argparse.ArgumentParser) -> None:
    _add_commits(parser)
    parser.add_argument("--json", action="store_true", help="answer as JSON, every metric in it")


def _add_commits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--num",
        type=int,
        default=1,
        metavar="N",
        help="experiments of the last N commits (default: %(default)s)",
    )


def run_metrics(args: argparse.Namespace) -> None:
    """Print a column for each experiment; one that failed has its state there, and no numbers."""
    from yue.report.experiment_tables import metrics_table
    from yue.report.experiments import project_experiments

    experiments = project_experiments(project_paths().root, "--num", str(args.num))
    if args.json:
        print(json.dumps([asdict(experiment) for experiment in experiments], indent=2))
        return
    print(metrics_table(experiments, shutil.get_terminal_size((100, 24)).columns))
    print("\nlosses in nats a token on held-out songs; * is the best of a row")


COMPARE_EXAMPLE = "yue compare\n  yue compare --num 3 --output compare.html"


def _add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    _add_commits(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("compare.html"),
        metavar="FILE",
        help="the page (default: %(default)s)",
    )


def run_compare(args: argparse.Namespace) -> None:
    """Write the page."""
    from yue.report.compare_page import compare

    comparison = compare(project_paths().root, ("--num", str(args.num)))
    write_text(args.output, comparison.page)
    missing = "; ".join(f"{name}: {why}" for name, why in comparison.missing.items())
    print_summary(
        "compare",
        StageSummary(
            made=f"{args.output}, {comparison.experiments} experiments, "
            f"{len(comparison.page) / 1e6:.1f} MB, needs no network",
            rejected=f"not to be heard: {missing}" if missing else "nothing",
            next=f"open {args.output} in a browser",
        ),
    )


VERBS = {
    "metrics": Verb(METRICS_EXAMPLE, _add_metrics_arguments, run_metrics),
    "compare": Verb(COMPARE_EXAMPLE, _add_compare_arguments, run_compare),
}

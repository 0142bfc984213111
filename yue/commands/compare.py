"""``yue compare``: one page over the experiments of a project."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "yue compare\n  yue compare --num 3 --output compare.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "--num",
        type=int,
        default=1,
        metavar="N",
        help="experiments of the last N commits (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("compare.html"),
        metavar="FILE",
        help="the page (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Write the page."""
    from yue.commands.project import print_summary, project_paths
    from yue.files import write_text
    from yue.report.compare_page import compare
    from yue.summary import StageSummary

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

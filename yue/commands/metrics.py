"""``yue metrics``: the metrics that matter, of the project and its experiments."""

from __future__ import annotations

import argparse

EXAMPLE = "yue metrics\n  yue metrics --num 3 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which experiments, and the form of the answer."""
    parser.add_argument(
        "--num",
        type=int,
        default=1,
        metavar="N",
        help="experiments of the last N commits (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, every metric in it")


def run(args: argparse.Namespace) -> None:
    """Print a column for each experiment; one that failed has its state there, and no numbers."""
    import json
    import shutil
    from dataclasses import asdict

    from yue.commands.project import project_paths
    from yue.report.experiment_tables import metrics_table
    from yue.report.experiments import project_experiments

    experiments = project_experiments(project_paths().root, "--num", str(args.num))
    if args.json:
        print(json.dumps([asdict(experiment) for experiment in experiments], indent=2))
        return
    print(metrics_table(experiments, shutil.get_terminal_size((100, 24)).columns))
    print("\nlosses in nats a token on held-out songs; * is the best of a row")

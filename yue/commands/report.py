"""``yue report``: rebuild report.html from what the stages left."""

from __future__ import annotations

import argparse

from yue.commands.project import run_stage

EXAMPLE = "yue report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the page is made of the project's files alone."""


def run(args: argparse.Namespace) -> None:
    """Write the page."""
    run_stage("report")

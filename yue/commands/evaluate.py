"""``yue evaluate``: the stage of the project in the current folder."""

from __future__ import annotations

import argparse

from yue.commands.project import run_stage

EXAMPLE = "yue evaluate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the stage is described by the active recipe alone."""


def run(args: argparse.Namespace) -> None:
    """Run the stage."""
    run_stage("evaluate")

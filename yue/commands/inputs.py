"""``yue inputs``: have everything here that the active recipe names and no stage makes."""

from __future__ import annotations

import argparse

EXAMPLE = "yue inputs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the active recipe says all."""


def run(args: argparse.Namespace) -> None:
    """Link or download what is missing, or say what cannot be had and where to put it."""
    from yue.commands.project import run_stage

    run_stage("inputs")

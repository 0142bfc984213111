"""``yue completion``: words of the command line, completed by the shell."""

from __future__ import annotations

import argparse

EXAMPLE = 'eval "$(yue completion bash)"   # in ~/.bashrc'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(args: argparse.Namespace) -> None:
    """Print the script."""
    import shtab  # DVC's own way of completing

    from yue.cli import STAGES, TOOLS, build_parser

    print(shtab.complete(build_parser(*STAGES, *TOOLS), shell=args.shell))

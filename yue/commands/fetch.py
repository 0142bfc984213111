"""``yue fetch``: a model repository of the Hugging Face hub, as a plain folder."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "yue fetch m-a-p/YuE-s1-7B-anneal-en-cot --output-dir models/YuE-s1-7B-anneal-en-cot"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Repository, revision, files and folder."""
    parser.add_argument("repo", help="hub id, organisation/name")
    parser.add_argument("--output-dir", required=True, type=Path, help="the folder to make")
    parser.add_argument("--revision", default=None, help="branch, tag or commit (default: main)")
    parser.add_argument(
        "--include", nargs="+", default=None, metavar="PATTERN", help="only files that match"
    )


def run(args: argparse.Namespace) -> None:
    """Download; an interrupted download goes on where it stopped."""
    from yue.inputs.fetch import fetch_repository

    folder: Path = args.output_dir
    fetch_repository(args.repo, folder, revision=args.revision, include=args.include)
    print(f"fetch: {args.repo} is in {folder}")

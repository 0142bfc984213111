"""``yue fetch``: a model repository of the Hugging Face hub, as a plain folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.errors import YueError, first_line

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
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    folder: Path = args.output_dir
    try:
        snapshot_download(
            args.repo,
            revision=args.revision,
            allow_patterns=args.include,
            local_dir=folder,
        )
    except HFValidationError as error:
        raise YueError(
            f"'{args.repo}' is not a hub id",
            why=first_line(error),
            fix="write organisation/name, for example m-a-p/YuE-s1-7B-anneal-en-cot",
        ) from error
    except Exception as error:  # a lost connection raises errors of the hub's HTTP library
        raise YueError(
            f"cannot fetch {args.repo}: {first_line(error)}",
            why="the hub did not answer, the name is wrong, or access needs a login",
            fix=f"check the name and the network (or HF_TOKEN), or copy the files into {folder} "
            f"by hand and run `dvc commit -f`",
        ) from error
    print(f"fetch: {args.repo} is in {folder}")

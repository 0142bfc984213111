"""``yue count``: how much is in token files, from their indices alone."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "yue count work/tokens/train work/tokens/valid\n  yue count --data-dir work/tokens"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Prefixes or a folder, and the form of the answer."""
    parser.add_argument(
        "prefixes", nargs="*", type=Path, metavar="PREFIX", help="path without .bin and .idx"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="all token files of a folder, or of a project (its work/tokens)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def run(args: argparse.Namespace) -> None:
    """Print documents, sequences and tokens of each prefix and of all together."""
    import json
    from dataclasses import asdict

    from yue.errors import UsageError
    from yue.tokens.megatron_files import Counts, as_prefix, count

    prefixes = [*args.prefixes]
    if args.data_dir is not None:
        prefixes += _prefixes_in(args.data_dir)
    if not prefixes:
        raise UsageError("count needs token files", fix="give PREFIX or --data-dir (see --help)")
    found = {str(prefix): count(as_prefix(prefix)) for prefix in prefixes}
    total = Counts(
        documents=sum(counts.documents for counts in found.values()),
        sequences=sum(counts.sequences for counts in found.values()),
        tokens=sum(counts.tokens for counts in found.values()),
    )
    if args.json:
        files = [{"prefix": name, **asdict(counts)} for name, counts in found.items()]
        print(json.dumps({"files": files, "total": asdict(total)}, indent=2))
        return
    rows = [*found.items(), *([("total", total)] if len(found) > 1 else [])]
    width = max(6, *(len(name) for name, _ in rows))
    print(f"{'':{width}} {'documents':>12} {'sequences':>12} {'tokens':>16}")
    for name, counts in rows:
        print(
            f"{name:{width}} {counts.documents:>12,} {counts.sequences:>12,} {counts.tokens:>16,}"
        )


def _prefixes_in(folder: Path) -> list[Path]:
    """The token files of ``--data-dir``, sub-folders included.

    Raises:
        UsageError: There are none.
    """
    from yue.errors import UsageError
    from yue.paths import token_folder

    found = sorted(file.with_suffix("") for file in token_folder(folder).rglob("*.idx"))
    if not found:
        raise UsageError(
            f"--data-dir {folder}: no token files (.bin and .idx)",
            why="it is no folder of them, nor a project with work/tokens",
            fix="write them with `yue preprocess` or `yue mmap`, or name another folder",
        )
    return found

"""Downloading a repository of the Hugging Face hub into a folder, going on where it stopped."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from yue.errors import YueError, first_line


def fetch_repository(
    repo: str, folder: Path, *, revision: str | None = None, include: Sequence[str] | None = None
) -> None:
    """Download a repository; files that are there are kept, an unfinished one is gone on with.

    Args:
        repo: Hub id, ``organisation/name``.
        folder: Made if need be.
        revision: Branch, tag or commit; None is the main branch.
        include: Patterns of files; None takes all.

    Raises:
        YueError: There is no such repository, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        snapshot_download(
            repo,
            revision=revision,
            allow_patterns=None if include is None else list(include),
            local_dir=folder,
        )
    except HFValidationError as error:
        raise YueError(
            f"'{repo}' is not a hub id",
            why=first_line(error),
            fix="write organisation/name, for example m-a-p/YuE-s1-7B-anneal-en-cot",
        ) from error
    except Exception as error:  # a lost connection raises errors of the hub's HTTP library
        raise YueError(
            f"cannot fetch {repo}: {first_line(error)}",
            why="the hub did not answer, the name is wrong, or access needs a login",
            fix="check the name and the network (or HF_TOKEN) and run the command again, which "
            "goes on where it stopped; or copy the files by hand into "
            f"{shlex.quote(str(folder))}: they are used as they are",
        ) from error

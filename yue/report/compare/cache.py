"""Folders of other commits, taken from DVC's cache without checking them out."""

from __future__ import annotations

import json
from pathlib import Path

from yue.errors import YueError


def link_folder(cache: Path, digest: str, folder: Path) -> None:
    """Fill ``folder`` with links to the files of a cached flat folder.

    Args:
        cache: The cache's root, which has ``files/md5`` in it.
        digest: DVC's hash of the folder, which ends in ``.dir``.
        folder: An existing, empty folder.

    Raises:
        YueError: Something of it is not on this machine.
    """
    try:
        listed = json.loads(_path(cache, digest).read_text(encoding="utf-8"))
        files = {str(entry["relpath"]): _path(cache, str(entry["md5"])) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _missing(digest) from error
    for name, path in files.items():
        if Path(name).name != name:  # the stage writes no folder in it
            continue
        if not path.is_file():
            raise _missing(digest)
        (folder / name).symlink_to(path.absolute())


def _path(cache: Path, digest: str) -> Path:
    if not digest.removesuffix(".dir").isalnum():
        raise ValueError(digest)
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def _missing(digest: str) -> YueError:
    return YueError(
        f"samples {digest[:8]} are not on this machine",
        fix="get them with `dvc exp pull`, or `dvc pull` for a commit, or run the experiment",
    )

"""Where a codec's weights are: a folder, a file, or a pinned revision on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from yue.errors import CodecError, first_line

# organisation/name@revision, at the end: a project puts its folder in front of what a recipe says.
_HUB_ID = re.compile(r"(?:.*/)?([\w.-]+/[\w.-]+)@([\w.-]+)")


def locate(weights: Path) -> Path:
    """The folder or file of weights; a hub id's snapshot is downloaded if it is not cached.

    Args:
        weights: A path, or ``organisation/name@revision``. ``HF_HUB_OFFLINE`` is honoured.

    Raises:
        CodecError: The hub has no such revision, or cannot be reached and the cache has none.
    """
    found = None if weights.exists() else _HUB_ID.fullmatch(weights.as_posix())
    if found is None:
        return weights
    from huggingface_hub import snapshot_download

    repo, revision = found.groups()
    try:
        return Path(snapshot_download(repo, revision=revision))
    except Exception as error:  # a lost connection raises errors of the hub's HTTP library
        raise CodecError(
            f"no weights of {repo} at revision {revision}",
            why=first_line(error),
            fix="check the name and the network; offline, copy the files into a folder and give "
            "that, or use melrvq, which needs no download",
        ) from error

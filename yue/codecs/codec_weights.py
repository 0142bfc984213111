"""Where a codec's weights are, and what their folder says of itself, without torch.

Weights are a folder, a file, or a pinned revision on the Hugging Face hub.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yue.codecs.card import Window
from yue.errors import CodecError, first_line
from yue.files import bytes_digest, file_digest, read_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(path: Path, name: str, model_type: str, fetch: str) -> dict[str, Any]:
    """Read config.json of a model folder.

    Args:
        path: The folder.
        name: The codec, for messages.
        model_type: What the config must say it is.
        fetch: How to get the folder.

    Raises:
        CodecError: Files are missing, or it is another model.
    """
    for file in (CONFIG, WEIGHTS):
        if not (path / file).is_file():
            raise missing(path, name, f"there is no {file}", fetch)
    config = read_json(path / CONFIG)
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != model_type:
        raise CodecError(
            f"{path}: a model of type {found!r}, {name} needs {model_type!r}",
            fix=f"put the right weights there: {fetch}",
        )
    return dict(config)


def missing(path: Path, name: str, why: str, fetch: str) -> CodecError:
    """Return the error of a folder without the weights of a codec."""
    return CodecError(
        f"no weights of {name} in {path}",
        why=why,
        fix=f"get them: {fetch} (or set codec.path to where they are); "
        "melrvq needs no download, if any codec will do",
    )


def digest_of(name: str, version: int, *files: Path, window: Window | None = None) -> str:
    """Digest a codec: its name, the version of the way it is used, its window, its files."""
    way = f"{version} {window}"
    return bytes_digest(name, way, *(file_digest(file) for file in files))


# organisation/name@revision, at the end: a project puts its folder in front of what a recipe says.
_HUB_ID = re.compile(r"(?:.*/)?([\w.-]+/[\w.-]+)@([\w.-]+)")


def locate(weights: Path) -> Path:
    """Return the folder or file of weights; download a hub id's snapshot if it is not cached.

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

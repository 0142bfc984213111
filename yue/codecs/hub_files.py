"""Reading what a folder from the Hugging Face hub says it is, without loading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yue.codecs.windows import Window
from yue.errors import CodecError
from yue.files import bytes_digest, file_digest, read_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(path: Path, name: str, model_type: str, fetch: str) -> dict[str, Any]:
    """config.json of a model folder.

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
    """No weights of a codec in a folder."""
    return CodecError(
        f"no weights of {name} in {path}",
        why=why,
        fix=f"get them: {fetch} (or set codec.path to where they are); "
        "melrvq needs no download, if any codec will do",
    )


def digest_of(name: str, version: int, *files: Path, window: Window | None = None) -> str:
    """Digest of a codec: its name, the version of the way it is used, its window, its files."""
    way = f"{version} {window}"
    return bytes_digest(name, way, *(file_digest(file) for file in files))

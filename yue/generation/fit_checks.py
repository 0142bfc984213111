"""Whether an adapter fits a codec and weights are whole, before they are read.

Whether an adapter learned the codes of a codec, before the weights of either are read.

Whether a model's weights are whole, told by the heads of their files before long work starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yue.codecs.registry import codec_ids, read_card
from yue.errors import GenerationError
from yue.files import read_json

_RECORD = "run.json"


def check_codec(adapter: Path, name: str, path: Path) -> str:
    """Hold the codec that an adapter's record names to the one that is to decode its songs.

    Args:
        adapter: A PEFT folder.
        name: The codec.
        path: Its weights.

    Returns:
        What could not be checked, and why; "" where all of it could.

    Raises:
        GenerationError: The adapter learned the codes of another codec, or of other weights of it.
        CodecError: The codec cannot be used.
    """
    learned = _recorded(adapter)
    if learned is None:
        return (
            f"whether {adapter} learned the codes of {name} cannot be checked: "
            f"it has no {_RECORD} that names a codec"
        )
    vocabulary, digest = learned
    if vocabulary != codec_ids(name, path).name:
        raise _other(adapter, vocabulary, digest, name)
    if not digest:
        return (
            f"whether {adapter} learned the codes of these weights of {name} cannot be checked: "
            f"its {_RECORD} has the codec's name alone"
        )
    card = read_card(name, path)
    if digest != card.digest:
        raise _other(adapter, vocabulary, digest, f"{name} in {path} ({card.digest[:12]})")
    return ""


def _recorded(adapter: Path) -> tuple[str, str] | None:
    """Name and digest of the codec of the training songs, where the adapter's record has them."""
    record: Any = read_json(adapter / _RECORD) if (adapter / _RECORD).is_file() else None
    try:
        return str(record["codec"]["name"]), str(record["codec"]["digest"])
    except (KeyError, TypeError):  # another program's, or no record at all
        return None


def _other(adapter: Path, name: str, digest: str, given: str) -> GenerationError:
    learned = f"{name} ({digest[:12]})" if digest else name
    return GenerationError(
        f"the adapter in {adapter} learned codes of {learned}, not of {given}",
        why="codes mean nothing to another codec, or to other weights of the same one",
        fix="give the codec that made the codes of the training songs (--codec-type, --codec-path)",
    )


_INDEX = "model.safetensors.index.json"


def check_weights(folder: Path) -> None:
    """Open every safetensors file of a model, and read none.

    Args:
        folder: A Hugging Face folder.

    Raises:
        GenerationError: A file is missing, or ends before its weights do.
        YueError: The index of the files is no JSON.
    """
    from safetensors import SafetensorError, safe_open

    index = read_json(folder / _INDEX) if (folder / _INDEX).is_file() else {}
    try:
        names = sorted(set(index.get("weight_map", {"": "model.safetensors"}).values()))
        for name in names:
            with safe_open(folder / name, framework="pt"):
                pass
    except (OSError, SafetensorError, AttributeError, TypeError) as error:
        raise GenerationError(
            f"{folder}: its weights cannot be read",
            why=" ".join(str(error).split()),
            fix="fetch or make the model again",
        ) from error

"""Whether a model's weights are whole, told by the heads of their files before long work starts."""

from __future__ import annotations

from pathlib import Path

from yue.errors import GenerationError
from yue.files import read_json

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

"""Whether models, codec and prompt fit each other, checked before any weights are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from yue.codecs.registry import codec_ids, read_card
from yue.errors import GenerationError
from yue.files import read_json
from yue.lm.adapter_fit import RECORD, adapter_record

_WEIGHTS_INDEX = "model.safetensors.index.json"
_LAYOUT_IN_NAME = re.compile("(?<![a-z])(?:cot|icl)(?![a-z])")


def check_codec(adapter: Path, name: str, path: Path) -> str:
    """Compare the codec that an adapter's record names with the one that is to decode its songs.

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
    record: Any = adapter_record(adapter)
    try:
        vocabulary, digest = str(record["codec"]["name"]), str(record["codec"]["digest"])
    except (KeyError, TypeError):  # another program's, or no record at all
        return (
            f"whether {adapter} learned the codes of {name} cannot be checked: "
            f"it has no {RECORD} that names a codec"
        )
    if vocabulary != codec_ids(name, path).name:
        raise _other_codec(adapter, vocabulary, digest, name)
    if not digest:
        return (
            f"whether {adapter} learned the codes of these weights of {name} cannot be checked: "
            f"its {RECORD} has the codec's name alone"
        )
    card = read_card(name, path)
    if digest != card.digest:
        raise _other_codec(adapter, vocabulary, digest, f"{name} in {path} ({card.digest[:12]})")
    return ""


def _other_codec(adapter: Path, name: str, digest: str, given: str) -> GenerationError:
    learned = f"{name} ({digest[:12]})" if digest else name
    return GenerationError(
        f"the adapter in {adapter} learned codes of {learned}, not of {given}",
        why="codes mean nothing to another codec, or to other weights of the same one",
        fix="give the codec that made the codes of the training songs (--codec-type, --codec-path)",
    )


def check_reference(base: Path, adapter: Path | None) -> str:
    """Check whether a model learned from reference audio.

    Args:
        base: The base model's folder; YuE's models have their layout in their names.
        adapter: A PEFT folder, whose record may name the layouts of its songs, or None.

    Returns:
        A note that it did not; "" where it did, or may have.
    """
    layouts: Any
    if adapter is None:
        source, layouts = base, _LAYOUT_IN_NAME.findall(base.absolute().name.lower())
    else:
        source, layouts = adapter / RECORD, adapter_record(adapter).get("layouts")
    if not isinstance(layouts, list) or not layouts or "icl" in layouts:
        return ""
    return (
        f"reference audio is for models that learned with it, in layout icl; by {source} this one "
        f"learned {', '.join(map(str, layouts))}, and what it sings may make no sense"
    )


def check_weights(folder: Path) -> None:
    """Open every safetensors file of a model and read its header, none of its weights.

    Args:
        folder: A Hugging Face folder.

    Raises:
        GenerationError: A file is missing, or ends before its weights do.
        YueError: The index of the files is no JSON.
    """
    from safetensors import SafetensorError, safe_open

    index = read_json(folder / _WEIGHTS_INDEX) if (folder / _WEIGHTS_INDEX).is_file() else {}
    try:
        for name in sorted(set(index.get("weight_map", {"": "model.safetensors"}).values())):
            with safe_open(folder / name, framework="pt"):
                pass
    except (OSError, SafetensorError, AttributeError, TypeError) as error:
        raise GenerationError(
            f"{folder}: its weights cannot be read",
            why=" ".join(str(error).split()),
            fix="fetch or make the model again",
        ) from error

"""Codec weights as the Hugging Face hub lays them out: config.json and model.safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from torch import nn

from yue.codecs.checkpoint import check_finite, wrong_checkpoint
from yue.codecs.hub_files import WEIGHTS
from yue.errors import CodecError, first_line

_FLOATING = ("F64", "F32", "F16", "BF16")

_Model = TypeVar("_Model", bound=nn.Module)


def load_model(kind: type[_Model], path: Path, device: str) -> _Model:
    """Load a Transformers model, every weight of it and nothing else, in float32.

    Args:
        kind: The class.
        path: The folder.
        device: cpu, cuda or auto.

    Raises:
        CodecError: The file is damaged, or its weights are not those of the class.
    """
    from yue.lm.device import pick_device

    where = pick_device(device)
    loader: Any = kind
    try:
        model, report = loader.from_pretrained(
            path, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # transformers wraps safetensors' errors in many kinds
        raise CodecError(
            f"{path / WEIGHTS}: cannot be loaded",
            why=f"{type(error).__name__}: {first_line(error)[:300]}",
            fix="fetch it again: the file is damaged, or of another model",
        ) from error
    wrong = {
        name: sorted(map(str, keys))
        for name in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if (keys := report[name])
    }
    if wrong:
        kinds = "; ".join(
            f"{len(keys)} {name.split('_')[0]} ({', '.join(keys[:3])} ...)"
            for name, keys in wrong.items()
        )
        raise CodecError(
            f"{path / WEIGHTS}: not the weights of {kind.__name__}",
            why=kinds,
            fix="fetch it again, or use the codec that these weights are for",
        )
    if strange := _not_floating(path / WEIGHTS):
        raise wrong_checkpoint(path / WEIGHTS, strange)
    ready: _Model = model.float().eval().to(where)
    check_finite(ready, path / WEIGHTS)
    return ready


def _not_floating(file: Path) -> str:
    """Which weight is of another kind than floating-point numbers, "" if none is.

    Transformers turns whole numbers into weights without a word.
    """
    with safe_open(file, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118 (it is no dict)
            kind = weights.get_slice(name).get_dtype()
            if kind not in _FLOATING:
                return f"{name} is {kind}, not floating-point numbers"
    return ""

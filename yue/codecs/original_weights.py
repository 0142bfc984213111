"""Weights of codecs, read without running code: Transformers' layout, and originals' checkpoints.

A folder in Transformers' layout (``config.json``, ``model.safetensors``) is loaded by
:func:`load_model`. A ``.pth`` or ``.ckpt`` of an original implementation is read by
:func:`read_checkpoint`, its weights renamed by :func:`renamed` and put into a model by
:func:`fill`. Either way every weight is used and none is missing, quantised or not finite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from yue.codecs.codec_weights import WEIGHTS
from yue.device import pick_device
from yue.errors import CodecError, first_line

_PARTS = ("snake1", "conv1", "snake2", "conv2")  # of a residual unit, in the order of its layers
_FLOATING = ("F64", "F32", "F16", "BF16")  # as safetensors names them
_LAYERS = 4  # blocks of the encoder and of the decoder

_Model = TypeVar("_Model", bound=nn.Module)


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a ``.pth`` file: tensors and plain values only, never code.

    Raises:
        CodecError: It is damaged, or holds something else.
    """
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        raise CodecError(
            f"{file}: cannot be loaded",
            why=f"{type(error).__name__}: {first_line(error)[:300]}",
            fix="fetch it again; only tensors are read from it, never code",
        ) from error
    if not isinstance(content, dict):
        raise wrong_checkpoint(file, f"it holds a {type(content).__name__}")
    return content


def tensors(value: Any, file: Path, name: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict that a checkpoint has under a name.

    Raises:
        CodecError: It is none.
    """
    if not isinstance(value, dict):
        raise wrong_checkpoint(file, f"it has no '{name}'")
    return {str(key): tensor for key, tensor in value.items() if isinstance(tensor, Tensor)}


def new_prefix(prefixes: Mapping[str, str], name: str) -> str | None:
    """Return a weight's name with the first of the prefixes that it has replaced, None without."""
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return None


def renamed(
    state: Mapping[str, Tensor], new_name: Callable[[str], str | None], file: Path
) -> dict[str, Tensor]:
    """Return tensors under new names, weight normalisation (``_g``, ``_v``) multiplied out.

    Raises:
        CodecError: A tensor has no place in the model.
    """
    result, norms = {}, {}
    unknown = []
    for name, value in state.items():
        new = new_name(name)
        if new is None:
            unknown.append(name)
        elif new.endswith(".weight_g"):
            norms[new.removesuffix("_g")] = value
        else:
            result[new] = value
    if unknown:
        raise wrong_checkpoint(
            file, f"{len(unknown)} unknown weights: {', '.join(unknown[:3])} ..."
        )
    for name, norm in norms.items():
        direction = result.pop(f"{name}_v", None)
        if direction is None:
            raise wrong_checkpoint(file, f"there is a norm but no direction of {name}")
        result[name] = torch._weight_norm(direction, norm, 0)
    return result


def empty(build: Callable[[], _Model]) -> _Model:
    """Build a model with room for its weights and nothing in it, for :func:`fill`.

    Random weights would take longer to draw than the real ones to read.

    Args:
        build: Makes the model, all of whose tensors are in its checkpoints.
    """
    with torch.device("meta"):
        model = build()
    assert {name for name, _ in model.named_buffers()} <= model.state_dict().keys()
    return model.to_empty(device="cpu")


def fill(model: _Model, state: Mapping[str, Tensor], file: Path, device: str) -> _Model:
    """Load these weights into a model, every one of them and no other, in float32 on a device.

    Raises:
        CodecError: The weights are not the model's.
    """
    where = pick_device(device)
    for name, value in state.items():
        if value.numel() > 1 and not value.is_floating_point():  # quantised, or not a weight at all
            raise wrong_checkpoint(file, f"{name} is {value.dtype}, not floating-point numbers")
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise wrong_checkpoint(file, " ".join(str(error).split())[:400]) from error
    ready: _Model = model.float().eval().to(where)
    check_finite(ready, file)
    return ready


def check_finite(model: nn.Module, file: Path) -> None:
    """Refuse weights that would make codes of nothing: a comparison with NaN chooses code 0.

    Raises:
        CodecError: A weight is infinite or no number.
    """
    for name, value in model.state_dict().items():
        if not value.sum().isfinite():
            raise wrong_checkpoint(file, f"{name} has values that are not finite numbers")


def layer_name(rest: str, model: str, *, encoder: bool) -> str | None:
    """Return Transformers' name of a layer that an original knows by its place in nested lists.

    xcodec and the Descript Audio Codec share this convolutional encoder and decoder. A block of the
    encoder ends with the convolution that changes the rate, one of the decoder begins with it.

    Args:
        rest: Its place, ``2.block.1.block.3.bias``.
        model: What the new name begins with.
        encoder: Whether it is in the encoder.
    """
    if found := re.fullmatch(r"(\d+)\.(\w+)", rest):
        layer = {0: "conv1", _LAYERS + 1: "snake1", _LAYERS + 2: "conv2"}.get(int(found[1]))
        return layer and f"{model}.{layer}.{found[2]}"
    if found := re.fullmatch(r"(\d+)\.block\.(\d+)\.(\w+)", rest):
        names = {3: "snake1", 4: "conv1"} if encoder else {0: "snake1", 1: "conv_t1"}
        part = names.get(int(found[2]))
        return part and f"{model}.block.{int(found[1]) - 1}.{part}.{found[3]}"
    if found := re.fullmatch(r"(\d+)\.block\.(\d+)\.block\.([0-3])\.(\w+)", rest):
        unit = int(found[2]) + (1 if encoder else -1)
        part = _PARTS[int(found[3])]
        return f"{model}.block.{int(found[1]) - 1}.res_unit{unit}.{part}.{found[4]}"
    return None


def wrong_checkpoint(file: Path, why: str) -> CodecError:
    """Return the error of a checkpoint of something else."""
    return CodecError(
        f"{file}: not the checkpoint of this codec",
        why=why,
        fix="fetch it again, or use the codec that it is for",
    )


def load_model(kind: type[_Model], path: Path, device: str) -> _Model:
    """Load a Transformers model, every weight of it and nothing else, in float32.

    Args:
        kind: The class.
        path: The folder.
        device: cpu, cuda or auto.

    Raises:
        CodecError: The file is damaged, or its weights are not those of the class.
    """
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
    if strange := _find_not_floating(path / WEIGHTS):
        raise wrong_checkpoint(path / WEIGHTS, strange)
    ready: _Model = model.float().eval().to(where)
    check_finite(ready, path / WEIGHTS)
    return ready


def _find_not_floating(file: Path) -> str:
    """Say which weight is of another kind than floating-point numbers, "" if none is.

    Transformers turns whole numbers into weights without a warning.
    """
    with safe_open(file, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118 (it is no dict)
            kind = weights.get_slice(name).get_dtype()
            if kind not in _FLOATING:
                return f"{name} is {kind}, not floating-point numbers"
    return ""

"""YuE's own xcodec checkpoint as Transformers' model: the same weights under other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig, XcodecConfig, XcodecModel

from yue.codecs.xcodec import YUE_WEIGHTS, XcodecShape
from yue.errors import CodecError

_PARTS = ("snake1", "conv1", "snake2", "conv2")  # of a residual unit, in the order of its layers
_LAYERS = 4  # blocks of the acoustic encoder and decoder

_RENAMED = (
    ("encoder_semantic.", "encoder_semantic."),
    ("decoder_semantic.", "decoder_semantic."),
    ("semantic_model.", "semantic_model."),
    ("fc_prior.", "fc."),
    ("fc_post1.", "fc1."),
    ("fc_post2.", "fc2."),
    ("quantizer.vq.layers.", "quantizer.quantizers."),
)


def model_config(shape: XcodecShape) -> XcodecConfig:
    """Transformers' configuration of YuE's model; widths are fixed in its code, not its config."""
    return XcodecConfig(
        target_bandwidths=list(shape.bandwidths),
        sample_rate=shape.sample_rate,
        codebook_size=shape.codes,
        acoustic_model_config={
            "model_type": "dac",
            "encoder_hidden_size": 64,
            "decoder_hidden_size": 1024,
            "downsampling_ratios": list(shape.ratios),
            "upsampling_ratios": list(shape.ratios),
            "sampling_rate": shape.sample_rate,
            "hidden_size": 256,
        },
        semantic_model_config=HubertConfig().to_dict(),
    )


def load_yue_checkpoint(path: Path, shape: XcodecShape, device: str) -> XcodecModel:
    """Load ``ckpt_00360000.pth`` of a folder, every weight of it, into Transformers' model.

    Args:
        path: The folder of m-a-p/xcodec_mini_infer.
        shape: What its config says.
        device: cpu, cuda or auto.

    Raises:
        CodecError: The file is damaged, or its weights are not those of the model.
    """
    from yue.lm.device import pick_device

    where = pick_device(device)
    file = path / YUE_WEIGHTS
    state = converted(_read_state(file), file)
    model = XcodecModel(model_config(shape))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise _not_yue(file, " ".join(str(error).split())[:400]) from error
    ready: XcodecModel = model.float().eval().to(where)
    return ready


def _read_state(file: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch and pickle raise many kinds for a damaged file
        raise CodecError(
            f"{file}: cannot be loaded",
            why=f"{type(error).__name__}: {str(error).splitlines()[0][:300]}",
            fix="fetch it again; only tensors are read from it, never code",
        ) from error
    state = content.get("codec_model") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise _not_yue(file, "it has no 'codec_model'")
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def converted(state: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """A checkpoint's tensors under Transformers' names, weight normalisation multiplied out.

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
        raise _not_yue(file, f"{len(unknown)} unknown weights: {', '.join(unknown[:3])} ...")
    for name, norm in norms.items():
        direction = result.pop(f"{name}_v", None)
        if direction is None:
            raise _not_yue(file, f"there is a norm but no direction of {name}")
        result[name] = torch._weight_norm(direction, norm, 0)
    return result


def new_name(name: str) -> str | None:
    """Transformers' name of a weight of the original, None if it has none."""
    if name.startswith("encoder."):
        return _acoustic(name.removeprefix("encoder.block."), "acoustic_encoder")
    if name.startswith("decoder_2."):
        return _acoustic(name.removeprefix("decoder_2.model."), "acoustic_decoder")
    for old, new in _RENAMED:
        if name.startswith(old):
            rest = name.removeprefix(old)
            if old == "semantic_model.":
                # Transformers keeps this one's weight normalisation.
                rest = rest.replace(".weight_g", ".parametrizations.weight.original0")
                rest = rest.replace(".weight_v", ".parametrizations.weight.original1")
            elif old == "quantizer.vq.layers.":
                rest = rest.replace("._codebook.", ".codebook.")
            elif old.endswith("coder_semantic."):
                rest = re.sub(r"\b(conv[12]?)\.conv\.", r"\1.", rest)
            return new + rest
    return None


def _acoustic(rest: str, model: str) -> str | None:
    """The name of a layer that the original knows by its place in nested lists.

    A block of the encoder ends with the convolution that changes the rate, one of the decoder
    begins with it.
    """
    encoder = model == "acoustic_encoder"
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


def _not_yue(file: Path, why: str) -> CodecError:
    return CodecError(
        f"{file}: not the xcodec checkpoint of YuE",
        why=why,
        fix="fetch final_ckpt/ckpt_00360000.pth of m-a-p/xcodec_mini_infer again",
    )

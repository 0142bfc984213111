"""YuE's own xcodec checkpoint as Transformers' model: the same weights under other names."""

from __future__ import annotations

import re
from pathlib import Path

from transformers import HubertConfig, XcodecConfig, XcodecModel

from yue.codecs.checkpoint import empty, fill, layer_name, read_checkpoint, renamed, tensors
from yue.codecs.xcodec import YUE_WEIGHTS, XcodecShape

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
        device: As torch names devices, or auto.

    Raises:
        CodecError: The file is damaged, or its weights are not those of the model.
    """
    file = path / YUE_WEIGHTS
    state = tensors(read_checkpoint(file).get("codec_model"), file, "codec_model")
    model = empty(lambda: XcodecModel(model_config(shape)))
    return fill(model, renamed(state, new_name, file), file, device)


def new_name(name: str) -> str | None:
    """Transformers' name of a weight of the original, None if it has none."""
    if name.startswith("encoder."):
        return layer_name(name.removeprefix("encoder.block."), "acoustic_encoder", encoder=True)
    if name.startswith("decoder_2."):
        rest = name.removeprefix("decoder_2.model.")
        return layer_name(rest, "acoustic_decoder", encoder=False)
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

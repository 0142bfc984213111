"""Tiny random models of the real classes, on disk as users have them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from yue.codecs.xcodec import YUE_CONFIG, YUE_WEIGHTS

BANDWIDTHS = (0.5, 1, 1.5, 2, 4, 6)


def xcodec_config(bandwidths=BANDWIDTHS):
    from transformers import XcodecConfig

    return XcodecConfig(
        target_bandwidths=list(bandwidths),
        acoustic_model_config={
            "model_type": "dac",
            "encoder_hidden_size": 4,
            "downsampling_ratios": [8, 5, 4, 2],
            "upsampling_ratios": [8, 5, 4, 2],
            "decoder_hidden_size": 32,
            "hidden_size": 16,
            "sampling_rate": 16000,
        },
        semantic_model_config={
            "model_type": "hubert",
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "conv_dim": [16] * 7,
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
        },
    )


def xcodec_model(bandwidths=BANDWIDTHS):
    """A random model; its codebooks are filled, since a fresh one's are all zero."""
    from transformers import XcodecModel

    torch.manual_seed(0)
    model = XcodecModel(xcodec_config(bandwidths)).eval()
    for place, quantizer in enumerate(model.quantizer.quantizers):
        quantizer.codebook.embed.normal_(0, 0.3 / (place + 1))
    for name, value in model.named_parameters():
        if name.endswith(("alpha", "bias")):
            value.data += 0.1 * torch.rand_like(value)
    return model


def save_xcodec(folder: Path, bandwidths=BANDWIDTHS) -> Path:
    xcodec_model(bandwidths).save_pretrained(folder)
    return folder


def dac_model(name: str, **changes: object):
    from transformers import DacConfig, DacModel

    torch.manual_seed(0)
    ratios, books = {"dac16k": ([2, 4, 5, 8], 12), "dac44k": ([2, 4, 8, 8], 9)}[name]
    values = {"downsampling_ratios": ratios, "n_codebooks": books, **changes}
    return DacModel(DacConfig(encoder_hidden_size=8, decoder_hidden_size=32, **values)).eval()


def save_dac(folder: Path, name: str, **changes: object) -> Path:
    dac_model(name, **changes).save_pretrained(folder)
    return folder


def save_descript(folder: Path, name: str, change=lambda state: None) -> Path:
    """As descript's own code saves: names of nested lists, weights normalised, the shape beside."""
    model = dac_model(name)
    config = model.config
    state = {}
    for key, value in model.state_dict().items():
        old = original_name(key)
        if key.endswith(".weight") and ".codebook." not in key:
            norm = torch.norm_except_dim(value, 2, 0)
            state[f"{old}_g"], state[f"{old}_v"] = norm, 3 * value
        else:
            state[old] = value.clone()
    change(state)
    shape = {
        "encoder_dim": config.encoder_hidden_size,
        "encoder_rates": list(config.downsampling_ratios),
        "latent_dim": config.hidden_size,
        "decoder_dim": config.decoder_hidden_size,
        "decoder_rates": list(config.upsampling_ratios),
        "n_codebooks": config.n_codebooks,
        "codebook_size": config.codebook_size,
        "codebook_dim": config.codebook_dim,
        "quantizer_dropout": False,
        "sample_rate": {"dac16k": 16_000, "dac44k": 44_100}[name],
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "metadata": {"kwargs": shape}}, folder / "weights.pth")
    return folder


def original_state(model) -> dict[str, Tensor]:
    """A model's weights as YuE's own code names and normalises them."""
    state = {}
    for name, value in model.state_dict().items():
        old = original_name(name)
        if name.startswith("acoustic") and name.endswith(".weight"):
            norm = torch.norm_except_dim(value, 2, 0)
            state[f"{old}_g"], state[f"{old}_v"] = norm, 3 * value
        else:
            state[old] = value.clone()
    return state


_ROOTS = {
    "acoustic_encoder": "encoder.block",
    "acoustic_decoder": "decoder_2.model",
    "encoder": "encoder.block",
    "decoder": "decoder.model",
}


def original_name(name: str) -> str:
    """The inverse of the conversion, written down from the original's module tree."""
    first, *rest = name.split(".")
    if first in _ROOTS:
        encoder = first.endswith("encoder")
        root = _ROOTS[first]
        units = ["snake1", "conv1", "snake2", "conv2"]
        match rest:
            case ["block", number, unit, part, leaf]:
                place = int(unit.removeprefix("res_unit")) + (-1 if encoder else 1)
                block = f"{root}.{int(number) + 1}.block.{place}.block.{units.index(part)}"
                return f"{block}.{leaf}"
            case ["block", number, part, leaf]:
                place = (
                    {"snake1": 3, "conv1": 4}[part]
                    if encoder
                    else {"snake1": 0, "conv_t1": 1}[part]
                )
                return f"{root}.{int(number) + 1}.block.{place}.{leaf}"
            case [part, leaf]:
                return f"{root}.{ {'conv1': 0, 'snake1': 5, 'conv2': 6}[part] }.{leaf}"
    if first.endswith("coder_semantic"):
        *path, conv, leaf = rest
        wrapped = [] if "res_units" in path and conv == "conv2" else ["conv"]
        return ".".join([first, *path, conv, *wrapped, leaf])
    if first == "quantizer":
        if rest[-1] in ("weight", "bias"):  # DAC's
            return name
        return name.replace("quantizers", "vq.layers").replace(".codebook.", "._codebook.")
    new = {"fc": "fc_prior", "fc1": "fc_post1", "fc2": "fc_post2"}.get(first, first)
    return ".".join([new, *rest])


def save_yue_checkpoint(folder: Path, state: dict[str, Tensor], bandwidths=BANDWIDTHS) -> Path:
    (folder / YUE_WEIGHTS).parent.mkdir(parents=True)
    lines = "".join(f"    - {bandwidth}\n" for bandwidth in bandwidths)
    (folder / YUE_CONFIG).write_text(
        "generator:\n  name: SoundStream\n  config:\n    n_filters: 32\n    D: 256\n"
        f"    target_bandwidths:\n{lines}    ratios: [8, 5, 4, 2]\n    sample_rate: 16000\n"
        "    bins: 1024\n"
    )
    torch.save({"codec_model": state}, folder / YUE_WEIGHTS)
    return folder

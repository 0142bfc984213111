"""Where the released decoder's weights belong in diffusers' and Transformers' modules.

The original numbers a level's blocks through: two residual blocks on the way down and three on
the way up, each but those of the first level with two transformers after it.
"""

from __future__ import annotations

import re

_UNUSED = re.compile(r"model_ema\.|first_stage_model\.(encoder|quant_conv)\.")
_UNET, _VAE = "model.diffusion_model.", "first_stage_model.decoder."
_FIXED = {
    "scale_factor": "scale_factor",
    "model.diffusion_model.time_embed.0.": "unet.time_embedding.linear_1.",
    "model.diffusion_model.time_embed.2.": "unet.time_embedding.linear_2.",
    "model.diffusion_model.input_blocks.0.0.": "unet.conv_in.",
    "model.diffusion_model.out.0.": "unet.conv_norm_out.",
    "model.diffusion_model.out.2.": "unet.conv_out.",
    "first_stage_model.post_quant_conv.": "post_quant_conv.",
    "first_stage_model.decoder.conv_in.": "vae.conv_in.",
    "first_stage_model.decoder.norm_out.": "vae.conv_norm_out.",
    "first_stage_model.decoder.conv_out.": "vae.conv_out.",
    "first_stage_model.vocoder.ups.": "vocoder.upsampler.",
    "first_stage_model.vocoder.": "vocoder.",
}
_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_ATTENTION = {
    "norm": "group_norm",
    "q": "to_q",
    "k": "to_k",
    "v": "to_v",
    "proj_out": "to_out.0",
}
_VAE_LEVELS = 3


def is_unused(name: str) -> bool:
    """Whether a tensor is no weight that decoding uses.

    Averaged weights, the half that encodes spectra, and tables of the noise schedule (they alone
    stand outside any module) are none.
    """
    return _UNUSED.match(name) is not None or ("." not in name and name != "scale_factor")


def new_name(name: str) -> str | None:
    """Our name of a weight of the released decoder, None if it has none."""
    for old, new in _FIXED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    if name.startswith(_UNET):
        found = _unet(name.removeprefix(_UNET))
        return found and f"unet.{found}"
    if name.startswith(_VAE):
        found = _vae(name.removeprefix(_VAE))
        return found and f"vae.{found}"
    return None


def _unet(name: str) -> str | None:
    if found := re.fullmatch(r"middle_block\.([0-3])\.(.+)", name):
        place, rest = int(found[1]), found[2]
        if place in (0, 3):
            return _resnet(f"mid_block.resnets.{place // 3}", rest)
        return f"mid_block.attentions.{place - 1}.{rest}"
    if found := re.fullmatch(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)", name):
        down, place, rest = found[1] == "input", int(found[3]), found[4]
        level, block = divmod(int(found[2]) - down, 3)
        side = "down" if down else "up"
        sampler = re.fullmatch(r"(op|conv)\.(\w+)", rest)
        if sampler:
            return f"{side}_blocks.{level}.{side}samplers.0.conv.{sampler[2]}"
        if place == 0:
            return _resnet(f"{side}_blocks.{level}.resnets.{block}", rest)
        return f"{side}_blocks.{level}.attentions.{2 * block + place - 1}.{rest}"
    return None


def _resnet(where: str, rest: str) -> str | None:
    part, _, leaf = rest.rpartition(".")
    return f"{where}.{_RESNET[part]}.{leaf}" if part in _RESNET else None


def _vae(name: str) -> str | None:
    if found := re.fullmatch(r"mid\.block_([12])\.(.+)", name):
        return f"mid_block.resnets.{int(found[1]) - 1}.{_shortcut(found[2])}"
    if found := re.fullmatch(r"mid\.attn_1\.(\w+)\.(\w+)", name):
        part = _ATTENTION.get(found[1])
        return part and f"mid_block.attentions.0.{part}.{found[2]}"
    if found := re.fullmatch(r"up\.(\d)\.block\.(\d)\.(.+)", name):
        level = _VAE_LEVELS - 1 - int(found[1])
        return f"up_blocks.{level}.resnets.{found[2]}.{_shortcut(found[3])}"
    if found := re.fullmatch(r"up\.(\d)\.upsample\.(.+)", name):
        return f"up_blocks.{_VAE_LEVELS - 1 - int(found[1])}.upsamplers.0.{found[2]}"
    return None


def _shortcut(rest: str) -> str:
    return rest.replace("nin_shortcut", "conv_shortcut")

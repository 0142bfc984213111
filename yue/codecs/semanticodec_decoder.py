"""SemantiCodec's decoder: codes condition a diffusion model of spectra, a vocoder makes them sound.

The networks are diffusers' and Transformers', and what is drawn comes from a fixed seed. The second
half of the module finds the place of the released weights in them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AudioLDM2UNet2DConditionModel, DDIMScheduler
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from yue.codecs.original_weights import fill, read_checkpoint, renamed, tensors, wrong_checkpoint

_POSITIONS, _OVERLAP, _HOP = 512, 32, 320  # of a window, of two windows, samples of a position
_CHANNELS, _LATENT = 8, (8, 256, 16)  # of a window: channels, time, frequency
_PLACE = 192  # width of a position's own vector
# As released; the seed is ours. 50 steps cost about 150 seconds of a core for 9.6 s of audio.
_STEPS, _GUIDANCE, _SEED = 50, 2.0, 0
_HEAD = 32  # channels of an attention head


class SemantiDecoder(nn.Module):
    """Features of codes to audio.

    Args:
        state: Its weights, which say its sizes.

    Attributes:
        steps: Of the diffusion.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.steps = _STEPS
        self.unet = _build_unet(state)
        self.post_quant_conv = nn.Conv2d(_CHANNELS, _CHANNELS, 1)
        self.vae = _build_vae(state)
        self.vocoder = _build_vocoder(state["vocoder.conv_pre.weight"])
        self.register_buffer("scale_factor", torch.empty_like(state["scale_factor"]))
        self.scale_factor: Tensor
        self.register_buffer("_places", _place_vectors(), persistent=False)
        self._places: Tensor
        self._scheduler = DDIMScheduler(
            beta_start=0.0015,
            beta_end=0.0195,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            timestep_spacing="leading",
        )

    def forward(self, features: Tensor) -> Tensor:
        """Decode windows that overlap by 0.64 s and fade over: (T, width) to (T * 320,)."""
        audio = features.new_zeros(len(features) * _HOP + _POSITIONS * _HOP)
        fade = torch.linspace(0, 1, _OVERLAP * _HOP, device=audio.device)
        step = _POSITIONS - _OVERLAP
        for number in range(max(1, math.ceil((len(features) - _OVERLAP) / step))):
            piece = features[number * step : number * step + _POSITIONS]
            sound = self._decode_window(piece, _SEED + number)
            start = number * step * _HOP
            if number:
                audio[start : start + len(fade)] *= fade.flip(0)
                sound[: len(fade)] *= fade
            audio[start : start + len(sound)] += sound
        return audio[: len(features) * _HOP]

    def _decode_window(self, features: Tensor, seed: int) -> Tensor:
        """Turn (at most 512, width) into 10.24 s of audio, (163840,)."""
        filled = nn.functional.pad(features, (0, 0, 0, _POSITIONS - len(features)), value=-1.0)
        both = torch.stack([torch.zeros_like(filled), filled])
        condition = torch.cat([both, self._places.expand(2, -1, -1)], dim=-1)
        draw = torch.Generator().manual_seed(seed)
        latent = self._draw_noise(draw)
        self._scheduler.set_timesteps(self.steps)
        for moment in self._scheduler.timesteps:
            blind, guided = self.unet(
                latent.expand(2, -1, -1, -1),
                moment.to(latent.device),
                encoder_hidden_states=condition,
                return_dict=False,
            )[0].split(1)
            latent = self._scheduler.step(
                blind + _GUIDANCE * (guided - blind),
                moment,
                latent,
                eta=1.0,
                variance_noise=self._draw_noise(draw),
                return_dict=False,
            )[0]
        mel = self.vae(self.post_quant_conv(latent / self.scale_factor))[0, 0]
        sound: Tensor = self.vocoder(mel)
        return sound[: _POSITIONS * _HOP]  # it says 32 samples more; the original lags by them

    def _draw_noise(self, draw: torch.Generator) -> Tensor:
        """Draw noise on the CPU, so that it is the same on every device."""
        return torch.randn(1, *_LATENT, generator=draw).to(self._places.device)


def load_decoder(file: Path, width: int, device: str) -> SemantiDecoder:
    """Load ``decoder.ckpt``, every weight of it that decoding uses.

    Args:
        file: The checkpoint.
        width: Of the features.
        device: Where to run it.

    Raises:
        CodecError: The file is damaged or of another model.
    """
    released = tensors(read_checkpoint(file), file, "decoder")
    used = {name: value for name, value in released.items() if not is_unused(name)}
    state = renamed(used, new_name, file)
    for name in [name for name in state if name.startswith("vae.mid_block.attentions.0.to_")]:
        state[name] = state[name].flatten(1) if state[name].ndim > 1 else state[name]
    try:
        model = SemantiDecoder(state)
    except KeyError as error:
        raise wrong_checkpoint(file, f"there is no {error}") from error
    if model.unet.config.cross_attention_dim[0][1] != width + _PLACE:
        raise wrong_checkpoint(
            file,
            f"it reads features of {model.unet.config.cross_attention_dim[0][1] - _PLACE} numbers, "
            f"the encoder's have {width}",
        )
    for name in ("mean", "scale"):  # of spectra, which this vocoder takes as they are
        state[f"vocoder.{name}"] = getattr(model.vocoder, name)
    return fill(model, state, file, device)


def _build_unet(state: Mapping[str, Tensor]) -> AudioLDM2UNet2DConditionModel:
    widths = [
        state[f"unet.down_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in range(4)
    ]
    key = "unet.mid_block.attentions.1.transformer_blocks.0.attn2.to_k.weight"
    return AudioLDM2UNet2DConditionModel(
        in_channels=_CHANNELS,
        out_channels=_CHANNELS,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * 3),
        up_block_types=(*["CrossAttnUpBlock2D"] * 3, "UpBlock2D"),
        block_out_channels=widths,
        attention_head_dim=[width // _HEAD for width in widths],
        cross_attention_dim=((None, state[key].shape[1]),) * 4,
    )


def _build_vae(state: Mapping[str, Tensor]) -> Decoder:
    widths = [state[f"vae.up_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in range(3)]
    return Decoder(
        in_channels=_CHANNELS,
        out_channels=1,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=tuple(widths[::-1]),
    )


def _build_vocoder(first: Tensor) -> SpeechT5HifiGan:
    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=first.shape[1],
            upsample_initial_channel=first.shape[0],
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            normalize_before=False,
        )
    )


def _place_vectors() -> Tensor:
    """Return sines and cosines that distinguish positions, (1, 512, 192)."""
    rates = torch.exp(torch.arange(0, _PLACE, 2) * (-math.log(10_000.0) / _PLACE))
    angles = torch.arange(_POSITIONS)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None]


# Where the released weights belong. The original numbers a level's blocks through: two residual
# blocks on the way down and three on the way up, each but those of the first level with two
# transformers after it.
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
    """Return our name of a weight of the released decoder, None if it has none."""
    for old, new in _FIXED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    if name.startswith(_UNET):
        found = _unet_name(name.removeprefix(_UNET))
        return found and f"unet.{found}"
    if name.startswith(_VAE):
        found = _vae_name(name.removeprefix(_VAE))
        return found and f"vae.{found}"
    return None


def _unet_name(name: str) -> str | None:
    if found := re.fullmatch(r"middle_block\.([0-3])\.(.+)", name):
        place, rest = int(found[1]), found[2]
        if place in (0, 3):
            return _resnet_name(f"mid_block.resnets.{place // 3}", rest)
        return f"mid_block.attentions.{place - 1}.{rest}"
    if found := re.fullmatch(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)", name):
        down, place, rest = found[1] == "input", int(found[3]), found[4]
        level, block = divmod(int(found[2]) - down, 3)
        side = "down" if down else "up"
        sampler = re.fullmatch(r"(op|conv)\.(\w+)", rest)
        if sampler:
            return f"{side}_blocks.{level}.{side}samplers.0.conv.{sampler[2]}"
        if place == 0:
            return _resnet_name(f"{side}_blocks.{level}.resnets.{block}", rest)
        return f"{side}_blocks.{level}.attentions.{2 * block + place - 1}.{rest}"
    return None


def _resnet_name(where: str, rest: str) -> str | None:
    part, _, leaf = rest.rpartition(".")
    return f"{where}.{_RESNET[part]}.{leaf}" if part in _RESNET else None


def _vae_name(name: str) -> str | None:
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

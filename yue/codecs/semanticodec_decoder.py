"""SemantiCodec's decoder: codes condition a diffusion model of spectra, a vocoder makes them sound.

The networks are diffusers' and Transformers'; what is drawn comes from a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AudioLDM2UNet2DConditionModel, DDIMScheduler
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from yue.codecs.checkpoint import fill, read_checkpoint, renamed, tensors, wrong_checkpoint
from yue.codecs.semanticodec_names import is_unused, new_name

_POSITIONS, _OVERLAP, _HOP = 512, 32, 320  # of a window, of two windows, samples of a position
_CHANNELS, _LATENT = 8, (8, 256, 16)  # of a window: channels, time, frequency
_PLACE = 192  # width of a position's own vector
_STEPS, _GUIDANCE, _SEED = 50, 2.0, 0  # as released; the seed is ours
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
        self.unet = _unet(state)
        self.post_quant_conv = nn.Conv2d(_CHANNELS, _CHANNELS, 1)
        self.vae = _vae(state)
        self.vocoder = _vocoder(state["vocoder.conv_pre.weight"])
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
        """Windows that overlap by 0.64 s and fade into each other: (T, width) to (T * 320,)."""
        audio = features.new_zeros(len(features) * _HOP + _POSITIONS * _HOP)
        fade = torch.linspace(0, 1, _OVERLAP * _HOP, device=audio.device)
        step = _POSITIONS - _OVERLAP
        for number in range(max(1, math.ceil((len(features) - _OVERLAP) / step))):
            piece = features[number * step : number * step + _POSITIONS]
            sound = self._window(piece, _SEED + number)
            start = number * step * _HOP
            if number:
                audio[start : start + len(fade)] *= fade.flip(0)
                sound[: len(fade)] *= fade
            audio[start : start + len(sound)] += sound
        return audio[: len(features) * _HOP]

    def _window(self, features: Tensor, seed: int) -> Tensor:
        """(at most 512, width) to 10.24 s of audio, (163840,)."""
        filled = nn.functional.pad(features, (0, 0, 0, _POSITIONS - len(features)), value=-1.0)
        both = torch.stack([torch.zeros_like(filled), filled])
        condition = torch.cat([both, self._places.expand(2, -1, -1)], dim=-1)
        draw = torch.Generator().manual_seed(seed)
        latent = self._noise(draw)
        self._scheduler.set_timesteps(self.steps)
        for moment in self._scheduler.timesteps:
            blind, told = self.unet(
                latent.expand(2, -1, -1, -1),
                moment.to(latent.device),
                encoder_hidden_states=condition,
                return_dict=False,
            )[0].split(1)
            latent = self._scheduler.step(
                blind + _GUIDANCE * (told - blind),
                moment,
                latent,
                eta=1.0,
                variance_noise=self._noise(draw),
                return_dict=False,
            )[0]
        mel = self.vae(self.post_quant_conv(latent / self.scale_factor))[0, 0]
        sound: Tensor = self.vocoder(mel)
        return sound[: _POSITIONS * _HOP]  # it says 32 samples more; the original lags by them

    def _noise(self, draw: torch.Generator) -> Tensor:
        """Drawn on the CPU, so that it is the same on every device."""
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


def _unet(state: Mapping[str, Tensor]) -> AudioLDM2UNet2DConditionModel:
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


def _vae(state: Mapping[str, Tensor]) -> Decoder:
    widths = [state[f"vae.up_blocks.{level}.resnets.0.conv1.weight"].shape[0] for level in range(3)]
    return Decoder(
        in_channels=_CHANNELS,
        out_channels=1,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=tuple(widths[::-1]),
    )


def _vocoder(first: Tensor) -> SpeechT5HifiGan:
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
    """Sines and cosines that tell positions apart, (1, 512, 192)."""
    rates = torch.exp(torch.arange(0, _PLACE, 2) * (-math.log(10_000.0) / _PLACE))
    angles = torch.arange(_POSITIONS)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None]

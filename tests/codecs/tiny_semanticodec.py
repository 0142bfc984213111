"""SemantiCodec's released files with small random weights, under the names of the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yue.codecs.semanticodec import CENTROIDS, DECODER, ENCODER

WIDTH, DEPTH, LAYERS = 64, 10, 1
LEVELS = (32, 32, 32, 64)  # channels of the diffusion model
State = dict[str, Tensor]


def save(folder: Path, *, decoder: bool = False) -> Path:
    torch.manual_seed(0)
    for file in (ENCODER, DECODER, CENTROIDS):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    torch.save(encoder_state(), folder / ENCODER)
    np.save(folder / CENTROIDS, torch.randn(16_384, WIDTH).numpy())
    if decoder:
        torch.save(decoder_state(), folder / DECODER)
    return folder


def encoder_state(rate: int = 100) -> State:
    vit = "audiomae.model."
    feature = WIDTH * 100 // rate
    state = {
        f"{vit}cls_token": torch.randn(1, 1, WIDTH),
        f"{vit}pos_embed": torch.randn(1, 513, WIDTH),
        f"{vit}mask_token": torch.randn(1, 1, 32),
        f"{vit}decoder_blocks.0.norm1.weight": torch.ones(32),
        **_linear(f"{vit}decoder_embed", 32, WIDTH),
        **_conv(f"{vit}patch_embed.proj", WIDTH, 1, 16),
        **_norm(f"{vit}norm", WIDTH),
        "encoder_output_linear.weight": torch.randn(feature, 4 * feature) * 0.2,
        "quantizer._codebook.initted": torch.ones(1),
        "quantizer._codebook.cluster_size": torch.ones(1, 8192),
        "quantizer._codebook.embed_avg": torch.ones(1, 8192, feature),
        "quantizer._codebook.embed": torch.randn(1, 8192, feature) * 0.3,
    }
    for number in range(DEPTH):
        block = f"{vit}blocks.{number}."
        state |= _norm(f"{block}norm1", WIDTH) | _norm(f"{block}norm2", WIDTH)
        state |= _linear(f"{block}attn.qkv", 3 * WIDTH, WIDTH)
        state |= _linear(f"{block}attn.proj", WIDTH, WIDTH)
        state |= _linear(f"{block}mlp.fc1", 4 * WIDTH, WIDTH)
        state |= _linear(f"{block}mlp.fc2", WIDTH, 4 * WIDTH)
    lstm = torch.nn.LSTM(2 * feature, 2 * feature, LAYERS, bidirectional=True)
    return state | {f"encoder.{name}": 3 * value for name, value in lstm.state_dict().items()}


def decoder_state() -> State:
    state: State = {
        "betas": torch.zeros(1000),
        "logvar": torch.zeros(1000),
        "scale_factor": torch.tensor(0.9),
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.diffusion_modelout2bias": torch.zeros(8),
        **_conv("first_stage_model.encoder.conv_in", 32, 1, 3),
        **_conv("first_stage_model.quant_conv", 16, 16, 1),
        **_conv("first_stage_model.post_quant_conv", 8, 8, 1),
    }
    return state | _unet("model.diffusion_model.") | _vae("first_stage_model.decoder.") | _vocoder()


def _unet(p: str) -> State:
    first, last = LEVELS[0], len(LEVELS) - 1
    state = _linear(f"{p}time_embed.0", 4 * first, first)
    state |= _linear(f"{p}time_embed.2", 4 * first, 4 * first)
    state |= _conv(f"{p}input_blocks.0.0", first, 8, 3)
    state |= _norm(f"{p}out.0", first) | _conv(f"{p}out.2", 8, first, 3)
    channels, skips, number = first, [first], 1
    for level, width in enumerate(LEVELS):
        for _ in range(2):
            state |= _stage(f"{p}input_blocks.{number}.", channels, width, attend=level > 0)
            channels, number = width, number + 1
            skips.append(width)
        if level < last:
            state |= _conv(f"{p}input_blocks.{number}.0.op", width, width, 3)
            number += 1
            skips.append(width)
    state |= _stage(f"{p}middle_block.", channels, channels, attend=True)
    state |= _unet_block(f"{p}middle_block.3.", channels, channels)
    number = 0
    for level, width in reversed(list(enumerate(LEVELS))):
        for block in range(3):
            where = f"{p}output_blocks.{number}."
            state |= _stage(where, channels + skips.pop(), width, attend=level > 0)
            channels, number = width, number + 1
            if level and block == 2:
                state |= _conv(f"{where}3.conv", width, width, 3)
    return state


def _stage(p: str, before: int, width: int, *, attend: bool) -> State:
    state = _unet_block(f"{p}0.", before, width)
    if attend:
        state |= _transformer(f"{p}1.", width, width)
        state |= _transformer(f"{p}2.", width, 2 * WIDTH + 192)
    return state


def _unet_block(p: str, before: int, width: int) -> State:
    state = _norm(f"{p}in_layers.0", before) | _conv(f"{p}in_layers.2", width, before, 3)
    state |= _linear(f"{p}emb_layers.1", width, 4 * LEVELS[0])
    state |= _norm(f"{p}out_layers.0", width) | _conv(f"{p}out_layers.3", width, width, 3)
    return state if before == width else state | _conv(f"{p}skip_connection", width, before, 1)


def _transformer(p: str, width: int, context: int) -> State:
    block = f"{p}transformer_blocks.0."
    state = _norm(f"{p}norm", width)
    state |= _conv(f"{p}proj_in", width, width, 1) | _conv(f"{p}proj_out", width, width, 1)
    state |= _linear(f"{block}ff.net.0.proj", 8 * width, width)
    state |= _linear(f"{block}ff.net.2", width, 4 * width)
    for number, heard in ((1, width), (2, context)):
        attention = f"{block}attn{number}."
        state |= _linear(f"{attention}to_out.0", width, width)
        for part, size in (("q", width), ("k", heard), ("v", heard)):
            state[f"{attention}to_{part}.weight"] = torch.randn(width, size) * 0.1
    return state | {k: v for n in (1, 2, 3) for k, v in _norm(f"{block}norm{n}", width).items()}


def _vae(p: str) -> State:
    state = _conv(f"{p}conv_in", 64, 8, 3) | _norm(f"{p}norm_out", 32)
    state |= _conv(f"{p}conv_out", 1, 32, 3)
    for number in (1, 2):
        state |= _vae_block(f"{p}mid.block_{number}.", 64, 64)
    state |= _norm(f"{p}mid.attn_1.norm", 64)
    for part in ("q", "k", "v", "proj_out"):
        state |= _conv(f"{p}mid.attn_1.{part}", 64, 64, 1)
    for level, before, width in ((2, 64, 64), (1, 64, 32), (0, 32, 32)):
        for block in range(3):
            state |= _vae_block(
                f"{p}up.{level}.block.{block}.", before if not block else width, width
            )
        if level:
            state |= _conv(f"{p}up.{level}.upsample.conv", width, width, 3)
    return state


def _vae_block(p: str, before: int, width: int) -> State:
    state = _norm(f"{p}norm1", before) | _conv(f"{p}conv1", width, before, 3)
    state |= _norm(f"{p}norm2", width) | _conv(f"{p}conv2", width, width, 3)
    return state if before == width else state | _conv(f"{p}nin_shortcut", width, before, 1)


def _vocoder() -> State:
    p, width = "first_stage_model.vocoder.", 32
    state = _conv(f"{p}conv_pre", width, 64, 7, dims=1)
    for number, kernel in enumerate((16, 16, 8, 4, 4)):
        state[f"{p}ups.{number}.weight"] = torch.randn(width, width // 2, kernel) * 0.3
        state[f"{p}ups.{number}.bias"] = torch.zeros(width // 2)
        width //= 2
        for block, size in enumerate((3, 7, 11)):
            for part in ("convs1", "convs2"):
                for layer in range(3):
                    name = f"{p}resblocks.{3 * number + block}.{part}.{layer}"
                    state |= _conv(name, width, width, size, dims=1)
    return state | _conv(f"{p}conv_post", 1, width, 7, dims=1)


def _conv(name: str, out: int, given: int, kernel: int, *, dims: int = 2) -> State:
    weight = torch.randn(out, given, *[kernel] * dims) / (given * kernel**dims) ** 0.5
    return {f"{name}.weight": weight, f"{name}.bias": 0.1 * torch.randn(out)}


def _linear(name: str, out: int, given: int) -> State:
    weight = torch.randn(out, given) / given**0.5
    return {f"{name}.weight": weight, f"{name}.bias": 0.1 * torch.randn(out)}


def _norm(name: str, width: int) -> State:
    return {f"{name}.weight": torch.ones(width), f"{name}.bias": 0.1 * torch.randn(width)}

"""A start for the base model that knows what takes long to find out.

Three facts are put into the first weights; training is free to change them all.

- Codes that sound alike begin with embeddings that are alike: the cepstrum of their codebook entry.
- What came in is a good guess of what comes out: the output layer begins as the embeddings.
- The track that comes next was last heard one token ago, and before that three tokens ago: the
  first layer's heads begin by looking there, and half of them pass on what they see.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

_SCALE = 0.1  # standard deviation of an embedding
_NOISE = 0.2  # share of it that is random, so that equal entries differ
_SHARPNESS = 2.5  # of the first layer's view
_COPY = 3.0  # how strongly it writes what it sees, in units of an embedding
_LOOKS = (1, 3)  # tokens back: the predicted track's last frame, and the one before


@torch.no_grad()
def set_initial_weights(model: LlamaForCausalLM, first_code: int, codebook: Tensor) -> None:
    """Put the three facts into a model with random weights.

    Args:
        model: At least two heads for each key-value head.
        first_code: Row of code 0 in the vocabulary.
        codebook: Log-mel spectra of the codes, shape (codes, mels).
    """
    embeddings = model.model.embed_tokens.weight
    torch.nn.init.normal_(embeddings, std=_SCALE)
    codes = embeddings[first_code : first_code + len(codebook)]
    cepstra = _cepstra(codebook, model.config.hidden_size - 1)
    codes[:, : cepstra.shape[1]] *= _NOISE
    codes[:, : cepstra.shape[1]] += (1 - _NOISE**2) ** 0.5 * _SCALE * cepstra
    # Rotary positions turn two constants into a score of their distance alone.
    embeddings[:, -1] = _SCALE
    model.lm_head.weight.copy_(embeddings)
    _look_back(model)


def _cepstra(spectra: Tensor, size: int) -> Tensor:
    """The first cosine terms of centred log spectra, of unit variance; (codes, <= size)."""
    bands = spectra.shape[1]
    places = (torch.arange(bands) + 0.5) * math.pi / bands
    terms = torch.arange(min(size, bands))
    cepstra = (spectra - spectra.mean(0)) @ torch.cos(places[:, None] * terms)
    return cepstra / cepstra.pow(2).mean().sqrt()


def _look_back(model: LlamaForCausalLM) -> None:
    """Make the first layer's heads look back by fixed distances."""
    config, attention = model.config, model.model.layers[0].self_attn
    size, half = config.head_dim, config.head_dim // 2
    turns = model.model.rotary_emb.inv_freq
    for head in range(config.num_attention_heads):
        distance = _LOOKS[head % len(_LOOKS)]
        query = attention.q_proj.weight[head * size :][:size, -1]
        query[:half] = _SHARPNESS * torch.cos(distance * turns)
        query[half:] = -_SHARPNESS * torch.sin(distance * turns)
    for head in range(config.num_key_value_heads):
        rows = slice(head * size, (head + 1) * size)
        key = attention.k_proj.weight[rows, -1]
        key[:half], key[half:] = _SHARPNESS, 0.0
        attention.v_proj.weight[rows, rows] += torch.eye(size)
    groups = config.num_attention_heads // config.num_key_value_heads
    for head in range(0, config.num_attention_heads, len(_LOOKS)):
        seen = slice(head // groups * size, (head // groups + 1) * size)
        written = slice(head * size, (head + 1) * size)
        attention.o_proj.weight[seen, written] += _COPY * _SCALE * torch.eye(size)

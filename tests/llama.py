"""A random Llama with grouped queries, small enough for any test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


def tiny_llama(
    *,
    rows: int,
    hidden: int = 32,
    layers: int = 2,
    context: int = 1024,
    spread: float = 0.2,
    seed: int = 0,
) -> LlamaForCausalLM:
    """Of YuE's architecture; with this ``spread`` of its weights, contexts tell."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        initializer_range=spread,
    )
    return LlamaForCausalLM(config).eval()

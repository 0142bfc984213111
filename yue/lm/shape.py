"""The shape of a Llama model, from its configuration and without torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.files import read_json
from yue.lm.base import read_base


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a Llama model; those of YuE-s1-7B are in parentheses.

    Attributes:
        vocabulary: Rows of the embedding and of the output layer (83,968).
        hidden: Width of the residual stream (4096).
        feed_forward: Width inside the feed-forward layers (11,008).
        layers: Blocks (32).
        heads: Query heads (32).
        key_value_heads: Key and value heads (4).
        head_size: Width of a head (128).
        context: Longest input, in tokens (16,384).
        tied: Whether the output layer is the embedding (no).
    """

    vocabulary: int
    hidden: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    context: int
    tied: bool

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of the linear layers of a block, by name."""
        hidden, wide = self.hidden, self.feed_forward
        queries, keys = self.heads * self.head_size, self.key_value_heads * self.head_size
        return {
            "q_proj": (hidden, queries),
            "k_proj": (hidden, keys),
            "v_proj": (hidden, keys),
            "o_proj": (queries, hidden),
            "gate_proj": (hidden, wide),
            "up_proj": (hidden, wide),
            "down_proj": (wide, hidden),
        }

    @property
    def block_weights(self) -> int:
        """Weights of the linear layers of all blocks."""
        return self.layers * sum(ins * outs for ins, outs in self.linears.values())

    @property
    def head_weights(self) -> int:
        """Weights of the output layer."""
        return self.vocabulary * self.hidden

    @property
    def weights(self) -> int:
        """All weights."""
        ends = self.head_weights * (1 if self.tied else 2)
        return self.block_weights + ends + (2 * self.layers + 1) * self.hidden

    def adapter_weights(self, rank: int, targets: Collection[str]) -> int:
        """Weights of a LoRA adapter on these layers of every block."""
        return self.layers * sum(rank * sum(self.linears[name]) for name in targets)


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """The shape that a Llama ``config.json`` says."""
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    return ModelShape(
        vocabulary=int(config["vocab_size"]),
        hidden=hidden,
        feed_forward=int(config["intermediate_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        key_value_heads=int(config.get("num_key_value_heads") or heads),
        head_size=int(config.get("head_dim") or hidden // heads),
        context=int(config.get("max_position_embeddings", 2048)),
        tied=bool(config.get("tie_word_embeddings", False)),
    )


def llama_config(shape: ModelShape) -> Any:
    """Transformers' configuration of a model of this shape."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_size,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tied,
    )


def read_shape(folder: Path) -> ModelShape:
    """The shape of a base model in a folder.

    Raises:
        YueError: There is none, or it is of another kind.
    """
    read_base(folder)
    config: dict[str, Any] = read_json(folder / "config.json")
    return shape_of(config)

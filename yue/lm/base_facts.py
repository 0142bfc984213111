"""What is known of a base model without torch: its folder, its shape, what training it holds.

Plans that are made before weights are fetched use the shapes of released models; a ``config.json``
that is there always wins.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.codec_facts import YUE_ROWS
from yue.digests import Digests
from yue.errors import YueError
from yue.files import bytes_digest, file_digest, read_json

MODES = ("none", "selective", "full")
"""Of gradient checkpointing, from the most memory and the least time to the reverse."""

# 384 rows of YuE's 83,968, 130 MB in float32; those of a row of 8,192 tokens would take 2.75 GB.
CHUNK_LOGITS = 2**25
"""Logits that the loss holds at once."""


def chunk_rows(vocabulary: int) -> int:
    """Return the rows of a chunk of logits: whole tiles of a matrix product if there are many."""
    rows = max(CHUNK_LOGITS // vocabulary, 1)
    return rows - rows % 128 if rows > 128 else rows


def chunks(rows: int, vocabulary: int) -> Iterator[slice]:
    """Cut rows into chunks."""
    size = chunk_rows(vocabulary)
    return (slice(start, start + size) for start in range(0, rows, size))


@dataclass(frozen=True)
class BaseCard:
    """A base model.

    Attributes:
        rows: Rows of its vocabulary.
        context: Longest input, in tokens.
    """

    rows: int
    context: int


def read_base(path: Path, *, needed_rows: int = 0) -> BaseCard:
    """Check a base model's config.json.

    Args:
        path: A Hugging Face folder.
        needed_rows: Rows that its vocabulary must have at least.

    Raises:
        YueError: There is no such model, it is of another kind or of a smaller vocabulary.
    """
    if not (path / "config.json").is_file():
        raise YueError(
            f"no base model in {path}",
            why="config.json is not there",
            fix="check model.path; `dvc repro` makes or fetches the models that recipes name, "
            "`yue fetch --help` says how to get another of the hub",
        )
    config = read_json(path / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "llama":
        raise YueError(
            f"{path}: model type {kind!r}, but YuE v1 is 'llama'",
            fix="give the folder of a YuE v1 model, or of another Llama (model.path, --model)",
        )
    card = BaseCard(
        rows=int(config.get("vocab_size", 0)),
        context=int(config.get("max_position_embeddings", 2048)),
    )
    if card.rows < needed_rows:
        raise YueError(
            f"{path}: {card.rows} vocabulary rows, the tokens need {needed_rows}",
            why="the base model has no ids for this codec's codes",
            fix="use the codec that the model was trained with (codec.name), or another base model",
        )
    return card


def base_digest(folder: Path, memory: Path | None = None) -> str:
    """Return the digest of a base model: its configuration and weights.

    Args:
        folder: The model's.
        memory: A folder where the files' digests are remembered by their size and times, so that
            tens of gigabytes are not read again; None reads all.
    """
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    remembered = Digests(memory / "models") if memory else None
    digest = remembered.of if remembered else file_digest
    found = bytes_digest(*(part for file in files for part in (file.name, digest(file))))
    if remembered:
        remembered.save(folder)
    return found


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
        """Count the weights of a LoRA adapter on these layers of every block."""
        return self.layers * sum(rank * sum(self.linears[name]) for name in targets)


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Read the shape from a Llama ``config.json``."""
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
    """Make Transformers' configuration of a model of this shape."""
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
    """Read the shape of a base model in a folder.

    Raises:
        YueError: There is none, it is of another kind, or its config.json is damaged.
    """
    read_base(folder)
    config: dict[str, Any] = read_json(folder / "config.json")
    try:
        return shape_of(config)
    except (KeyError, TypeError, ValueError) as error:
        raise YueError(
            f"{folder / 'config.json'}: lacks or garbles {error}", fix="fetch the model again"
        ) from error


# As in their config.json; all of YuE's stage-1 models are alike.
_S1 = ModelShape(
    vocabulary=YUE_ROWS,
    hidden=4096,
    feed_forward=11008,
    layers=32,
    heads=32,
    key_value_heads=4,
    head_size=128,
    context=16384,
    tied=False,
)


def released_shape(name: str) -> ModelShape | None:
    """Return the shape of a released model by its name, or None."""
    return _S1 if name.startswith("YuE-s1-7B-anneal-") else None


def check_quantizer() -> None:
    """Check that bitsandbytes is there, without importing it.

    Raises:
        YueError: It is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise YueError(
            "lora.qlora is on, but the package bitsandbytes is not installed",
            fix="pip install 'yue[qlora]', or set lora.qlora: false",
        )


def four_bit_config(dtype: str) -> Any:
    """Configure Transformers for NF4 with quantized scales and arithmetic in ``dtype``."""
    import torch
    from transformers import BitsAndBytesConfig

    check_quantizer()
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )

"""The memory of a training process by part, in bytes, from shapes alone.

Tests compare these sums with what is counted in real forward and backward passes. They are the same
to the byte for what blocks keep (``benchmarks/RESULTS.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

from yue.lm.base_facts import ModelShape, chunk_rows
from yue.recipe.model import Lora

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a block."""


def target_names(lora: Lora) -> tuple[str, ...]:
    """Return the names that ``lora.target_modules`` stands for."""
    return TARGETS if lora.target_modules == "all-linear" else tuple(lora.target_modules)


FILLED = 0.92
"""Share of a device's memory that a plan may fill."""

BUCKET = 2**25
"""Weights whose gradients travel between processes together: 128 MiB, so an adapter of rank 64 on
all layers of YuE-s1-7B (145 million weights) takes five messages."""

_CONTEXT = int(1.0e9)  # CUDA's context and libraries' workspaces, about
# Bytes of a weight in 4 bits: half a byte, and one byte of scale for every 64 weights.
_NF4 = 0.516
# An allocator's blocks are never all full. On a CPU real steps took 4.7 to 5.4 % more than the sums
# without it (benchmarks/RESULTS.md); of CUDA's allocator nothing was measured.
_ROUNDING = 0.03


@dataclass(frozen=True)
class Setting:
    """What decides about memory.

    Attributes:
        shape: The base model.
        lora: The recipe's section.
        dtype: "float32" or "bfloat16".
        tokens: Of a forward pass.
        checkpointing: "none", "selective" or "full".
        zero_stage: DeepSpeed's.
        processes: How many share what DeepSpeed shards.
        offload: "none", "optimizer" or "all".
    """

    shape: ModelShape
    lora: Lora
    dtype: str
    tokens: int
    checkpointing: str
    zero_stage: int = 1
    processes: int = 1
    offload: str = "none"

    @property
    def size(self) -> int:
        """Bytes of a number in activations."""
        return 4 if self.dtype == "float32" else 2

    @property
    def whole(self) -> int:
        """Weights of layers that are trained whole."""
        return len(self.lora.modules_to_save) * self.shape.head_weights

    @property
    def learning(self) -> int:
        """Trainable weights."""
        return self.shape.adapter_weights(self.lora.r, target_names(self.lora)) + self.whole


@dataclass(frozen=True)
class Memory:
    """Bytes by part.

    Attributes:
        weights: The base model's.
        adapter: The adapter in the type it computes in.
        optimizer: Masters, gradients, two moments.
        activations: What the forward pass keeps for the backward pass.
        working: What lives shortly at the peak: one block's backward pass, or the loss.
        other: Buffers for communication, and CUDA's own.
    """

    weights: int
    adapter: int
    optimizer: int
    activations: int
    working: int
    other: int

    @property
    def peak(self) -> int:
        """All together."""
        parts = (self.weights, self.adapter, self.optimizer, self.activations, self.working)
        return sum(parts) + self.other


def training_memory(setting: Setting, *, cuda: bool) -> Memory:
    """Sum up the memory of one process at its peak.

    Args:
        setting: What is trained, and how.
        cuda: On a GPU; otherwise only tensors count.
    """
    shape, size, tokens = setting.shape, setting.size, setting.tokens
    shards = setting.processes
    learning = setting.learning
    low = size == 2
    stage = max(setting.zero_stage, 1) if low else setting.zero_stage
    frozen = (_NF4 if setting.lora.qlora else size) * shape.block_weights
    frozen += size * (shape.weights - shape.block_weights)
    masters = (4 if stage else 0) + 8  # DeepSpeed's ZeRO has masters in float32 too
    gradients = 4 + (2 if low else 0)
    optimizer = learning * masters // (shards if stage else 1)
    optimizer += learning * gradients // (shards if stage > 1 else 1)
    if setting.offload != "none":
        optimizer = learning * 2
    activations = tokens * _kept_by_model(setting)
    working = tokens * max(_block_working(setting), _loss_working(setting))
    return Memory(
        weights=int(frozen) // (shards if stage == 3 else 1),
        adapter=learning * size,
        optimizer=optimizer,
        activations=activations,
        working=working,
        other=_CONTEXT + 2 * 4 * BUCKET + int(_ROUNDING * (activations + working)) if cuda else 0,
    )


def kept_by_block(setting: Setting, checkpointing: str) -> int:
    """Count the bytes that a block keeps of a token, in eager PyTorch, attention in one piece."""
    shape, size, rank = setting.shape, setting.size, setting.lora.r
    names = target_names(setting.lora)
    hidden, wide = shape.hidden, shape.feed_forward
    queries, keys = shape.heads * shape.head_size, shape.key_value_heads * shape.head_size
    narrow = size * rank * len(names)  # what B reads
    attended = size * queries + 4 * shape.heads  # and the scores' sums
    if checkpointing == "full":
        return size * hidden
    if checkpointing == "selective":
        products = queries + 2 * keys + 2 * hidden + 2 * wide
        return size * (hidden + products) + narrow + attended
    norms = 2 * (4 * hidden + 4)  # each its input in float32
    attention = size * (queries + 2 * keys) + attended
    gates = size * 3 * wide  # gate, its activation, up
    return norms + attention + gates + narrow + _adapter_inputs(setting)


def _adapter_inputs(setting: Setting) -> int:
    """Count the bytes of a token that adapters keep, beyond what the block keeps anyway."""
    shape, size, names = setting.shape, setting.size, target_names(setting.lora)
    if setting.lora.dropout:  # each its own copy, and a mask
        mask = size  # one byte in CUDA's kernel
        return sum((size + mask) * shape.linears[name][0] for name in names)
    inputs = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "gate_proj": 1, "up_proj": 1, "down_proj": 2}
    widths = (shape.hidden, shape.hidden, shape.feed_forward)
    # The output layer of attention reads what attention keeps.
    return sum(size * widths[place] for place in {inputs[n] for n in names if n in inputs})


def _kept_by_model(setting: Setting) -> int:
    """Count the bytes that a forward pass keeps of a token, over all layers."""
    shape, size = setting.shape, setting.size
    norm = 4 * shape.hidden + 4
    blocks = shape.layers * kept_by_block(setting, setting.checkpointing)
    first = norm if setting.checkpointing == "none" else 0  # it reads what needs no gradient
    return blocks - first + norm + size * (2 * shape.head_size + shape.hidden)


def _block_working(setting: Setting) -> int:
    """Count a token's bytes in the last block's backward pass, where it peaks: in the gates."""
    mode = setting.checkpointing
    again = kept_by_block(setting, "none") - kept_by_block(setting, mode)
    # By then the adapter of the last layer, where there is one, has let go of its input.
    gradients = 2 if again and "down_proj" in target_names(setting.lora) else 3
    return again + setting.size * gradients * setting.shape.feed_forward


def _loss_working(setting: Setting) -> int:
    """Count a token's bytes in the loss: hidden states twice, and one chunk's logits shared."""
    shape = setting.shape
    rows = min(chunk_rows(shape.vocabulary), setting.tokens)
    logits = 8 * rows * shape.vocabulary  # in float32 twice, for the sum over the vocabulary
    return 2 * setting.size * shape.hidden + logits // setting.tokens

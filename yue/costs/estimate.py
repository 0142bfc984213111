"""What training a recipe takes on a GPU, before one is rented: memory, arithmetic, time.

The table of GPUs is from their makers' data sheets. A LoRA step's arithmetic is counted in floating
point operations, from the pieces' true lengths.

A frozen weight costs two operations a token forward and two backward (for its input's gradient; it
has none of its own), an adapter's weight two more. Causal attention looks at half of length squared
pairs of each piece. The output layer sees only tokens that have a loss. What is computed again to
save memory is no work of the model: it does not count here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from yue.costs.memory import FILLED, Memory, Setting, target_names, training_memory
from yue.errors import UsageError
from yue.lm.base_facts import MODES, ModelShape
from yue.recipe.model import Lora, Recipe


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: What estimates call it.
        words: What its driver's name contains, in lower case.
        tflops: Dense bfloat16 products added up in float32, in 10^12 operations a second.
        memory: Bytes that programs can use, about.
    """

    name: str
    words: tuple[str, ...]
    tflops: float
    memory: int


def _gib(value: float) -> int:
    return int(value * 2**30)


GPUS = (
    Gpu("B200", ("b200",), 2250, _gib(178)),
    Gpu("H200", ("h200",), 989, _gib(139.8)),
    Gpu("H100-PCIe", ("h100", "pcie"), 756, _gib(79.2)),
    Gpu("H100", ("h100",), 989, _gib(79.2)),
    Gpu("MI300X", ("mi300x",), 1307, _gib(191)),
    Gpu("A100-80GB", ("a100", "80gb"), 312, _gib(79.2)),
    Gpu("A100-40GB", ("a100",), 312, _gib(39.4)),
    Gpu("L40S", ("l40s",), 362, _gib(44.5)),
    Gpu("RTX-6000-Ada", ("rtx 6000 ada",), 364, _gib(47.4)),
    Gpu("A6000", ("a6000",), 155, _gib(47.4)),
    Gpu("A10", ("a10",), 125, _gib(22.1)),
    Gpu("L4", ("l4",), 121, _gib(22.1)),
    Gpu("RTX-5090", ("rtx 5090",), 210, _gib(31.4)),
    Gpu("RTX-4090", ("rtx 4090",), 165, _gib(23.5)),
    Gpu("RTX-3090", ("rtx 3090",), 71, _gib(23.5)),
)
"""More special names first."""


def find_gpu(name: str) -> Gpu:
    """Find a GPU by its name here, in any case.

    Raises:
        UsageError: It is not known.
    """
    plain = name.lower().replace(" ", "-").replace("_", "-")
    for gpu in GPUS:
        if gpu.name.lower() == plain:
            return gpu
    raise UsageError(
        f"no GPU {name!r} is known", fix=f"use one of {', '.join(gpu.name for gpu in GPUS)}"
    )


def spec_tflops(driver_name: str) -> float | None:
    """Return the dense bfloat16 speed of a GPU by its driver's name; None where it is not known."""
    words = driver_name.lower().replace("-", " ")
    for gpu in GPUS:
        if all(f" {word} " in f" {words} " for word in gpu.words):
            return gpu.tflops
    return None


@dataclass(frozen=True)
class StepCost:
    """Operations of a forward and a backward pass.

    Attributes:
        shape: The base model.
        adapter: Weights of the adapter.
        head_learns: Whether the output layer is trained too.
    """

    shape: ModelShape
    adapter: int
    head_learns: bool = False

    def of(self, marks: Sequence[int], labelled: int) -> float:
        """Count the operations for packed pieces.

        Args:
            marks: Where pieces start, and the sequence's length at the end.
            labelled: Tokens that have a loss.
        """
        tokens = marks[-1]
        squares = sum((end - start) ** 2 for start, end in pairwise(marks))
        forward = self.forward_blocks(tokens, squares)
        backward = 2.0 * tokens * self.shape.block_weights + 2 * self._attention(squares)
        adapter = 6.0 * tokens * self.adapter
        head = (6.0 if self.head_learns else 4.0) * labelled * self.shape.head_weights
        return forward + backward + adapter + head

    def forward_blocks(self, tokens: int, squares: float) -> float:
        """Count the operations of the frozen blocks, forward: what full checkpointing does twice.

        Args:
            tokens: How many.
            squares: Sum of the squared lengths of the pieces.
        """
        return 2.0 * tokens * self.shape.block_weights + self._attention(squares)

    def _attention(self, squares: float) -> float:
        """Scores and their products with values, forward: 4 operations for half of all pairs."""
        shape = self.shape
        return 2.0 * squares * shape.layers * shape.heads * shape.head_size


def step_cost(shape: ModelShape, lora: Lora) -> StepCost:
    """Return the cost of a model with an adapter."""
    return StepCost(
        shape=shape,
        adapter=shape.adapter_weights(lora.r, target_names(lora)),
        head_learns="lm_head" in lora.modules_to_save,
    )


EFFICIENCY = 0.41
"""Share of a data sheet's speed that a LoRA step is taken to reach, recomputation included.

Published for LoRA on 8-billion models, one H100, 4096 tokens (NeMo AutoModel): 0.406 and 0.428.
Nothing was measured here.
"""


@dataclass(frozen=True)
class Estimate:
    """What a run takes.

    Attributes:
        gpu: The GPU's name.
        gpu_memory: Its memory, in bytes.
        checkpointing: What the recipe asks for, or what ``auto`` becomes there.
        fits: Whether the peak fits.
        memory: Of one process, by part.
        learning: Trainable weights.
        operations_a_token: Of the model.
        tokens_a_second: On one GPU.
        tokens: Of the whole run, or None where the data is not there yet.
        hours: Of the whole run on one GPU, or None.
        checkpoint: Bytes of a checkpoint.
        adapter: Bytes of the finished adapter.
    """

    gpu: str
    gpu_memory: int
    checkpointing: str
    fits: bool
    memory: Memory
    learning: int
    operations_a_token: float
    tokens_a_second: float
    tokens: int | None
    hours: float | None
    checkpoint: int
    adapter: int

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        value = asdict(self)
        value["memory"]["peak"] = self.memory.peak
        return value


def estimate(recipe: Recipe, shape: ModelShape, gpu: Gpu, tokens: int | None) -> Estimate:
    """Estimate a run on one GPU, with rows that are full and one piece each.

    Args:
        recipe: The recipe.
        shape: Its base model.
        gpu: The GPU.
        tokens: Of all steps, or None.
    """
    train, rows = recipe.train, recipe.train.context_length
    wanted = train.gradient_checkpointing
    for mode in MODES if wanted == "auto" else (wanted,):
        setting = Setting(
            shape=shape,
            lora=recipe.lora,
            dtype=recipe.model.dtype,
            tokens=rows * train.micro_batch_size,
            checkpointing=mode,
            zero_stage=recipe.launch.zero_stage,
            offload=recipe.launch.offload,
        )
        memory = training_memory(setting, cuda=True)
        fits = memory.peak < FILLED * gpu.memory
        if fits:
            break
    cost = step_cost(shape, recipe.lora)
    operations = cost.of((0, rows), rows) / rows
    # Nothing is computed again, or all that is in the blocks; selectively it is next to nothing.
    again = cost.forward_blocks(rows, rows**2) / rows if mode == "full" else 0.0
    speed = EFFICIENCY * gpu.tflops * 1e12 / (operations + again)
    return Estimate(
        gpu=gpu.name,
        gpu_memory=gpu.memory,
        checkpointing=mode,
        fits=fits,
        memory=memory,
        learning=setting.learning,
        operations_a_token=operations,
        tokens_a_second=speed,
        tokens=tokens,
        hours=None if tokens is None else tokens / speed / 3600,
        # Weights in their own type, masters and two moments; and the best weights so far.
        checkpoint=setting.learning * (12 + (4 if train.keep == "best" else 0)),
        adapter=setting.learning * 4,
    )

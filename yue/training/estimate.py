"""What training a recipe takes on a GPU, before one is rented."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from yue.lm.modes import MODES
from yue.lm.shape import ModelShape
from yue.recipe.model import Recipe
from yue.training.flops import step_cost
from yue.training.gpus import Gpu
from yue.training.memory import FILLED, Memory, Setting, training_memory

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
        learning: Weights that learn.
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
        """As JSON values."""
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

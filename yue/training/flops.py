"""Arithmetic of a LoRA step, in floating point operations, from true lengths.

A frozen weight costs two operations a token forward and two backward (for its input's gradient; it
has none of its own), an adapter's weight two more. Causal attention looks at half of length squared
pairs of each piece. The output layer sees only tokens that have a loss. What is computed again to
save memory is no work of the model: it does not count here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from yue.lm.shape import ModelShape
from yue.recipe.model import Lora
from yue.training.targets import target_names


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
        """Operations for packed pieces.

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
        """Operations of the frozen blocks, forward: what full checkpointing does twice.

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
    """The cost of a model with an adapter."""
    return StepCost(
        shape=shape,
        adapter=shape.adapter_weights(lora.r, target_names(lora)),
        head_learns="lm_head" in lora.modules_to_save,
    )

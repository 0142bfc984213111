"""Choosing the next token from logits: pure functions on float tensors of shape (rows, n).

The order is that of YuE's inference (Transformers' logits processors): guidance, repetition
penalty, temperature, top-k, top-p. Ids that are not allowed never reach these functions: the
caller computes logits for the allowed ids alone, which is the same distribution as masking all
others to minus infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Attributes:
        temperature: Logits are divided by it; 0 takes the likeliest token.
        top_k: Only the k likeliest tokens stay; 0 is off.
        top_p: Only the likeliest tokens that together reach this probability stay; 1 is off.
        repetition_penalty: Divides positive and multiplies negative logits of ids in the context.
        guidance_scale: Weight of the prompt against no prompt, 1 is off; of all sections, or of
            the first and of the others.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    guidance_scale: float | tuple[float, float] = 1.0

    def guidance(self, section: int) -> float:
        """Return the weight of the prompt in a section, counted from 0."""
        scale = self.guidance_scale
        return scale[min(section, 1)] if isinstance(scale, tuple) else scale


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Apply classifier-free guidance: log p_u + scale * (log p_c - log p_u), not normalised again.

    As in Transformers' ``UnbatchedClassifierFreeGuidanceLogitsProcessor``, with the probabilities
    normalised over the allowed ids.
    """
    conditional = conditional.log_softmax(-1)
    unconditional = unconditional.log_softmax(-1)
    return unconditional + scale * (conditional - unconditional)


def penalise(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Penalise ids where ``seen`` is true, as CTRL does (Keskar et al., 2019)."""
    if penalty == 1.0:
        return logits
    import torch

    penalised = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, penalised, logits)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Put minus infinity at all but the ``k`` largest logits of a row; equals of the k-th stay."""
    if k <= 0 or k >= logits.shape[-1]:
        return logits
    smallest_kept = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < smallest_kept, float("-inf"))


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of likeliest ids whose probability reaches ``p`` (nucleus sampling).

    Holtzman et al., 2020. At least one id stays; among equals the lower index comes first.
    """
    if p >= 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    drop_ordered = before >= p
    drop_ordered[..., 0] = False
    drop = drop_ordered.scatter(-1, order, drop_ordered)
    return logits.masked_fill(drop, float("-inf"))


def choose(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one index a row by inverting the cumulative distribution.

    Args:
        logits: (rows, n), minus infinity where an id cannot be drawn.
        uniforms: (rows,) in [0, 1). Two models sampled with the same numbers differ only where
            their distributions do.

    Returns:
        (rows,) int64.
    """
    cumulative = logits.softmax(-1).cumsum(-1)
    # The last sum is 1 up to rounding; scaling by it keeps a number near 1 inside the support.
    targets = uniforms.unsqueeze(-1) * cumulative[..., -1:]
    return (cumulative <= targets).sum(-1).clamp_max(logits.shape[-1] - 1)


def sample(logits: Tensor, seen: Tensor, uniforms: Tensor, sampling: Sampling) -> Tensor:
    """Draw one index a row after penalty, temperature, top-k and top-p.

    Args:
        logits: (rows, n) float64 over the allowed ids (already guided).
        seen: (rows, n) bool, ids that the repetition penalty is for.
        uniforms: (rows,) float64 in [0, 1).
        sampling: How to sample.

    Returns:
        (rows,) int64 indices into the allowed ids.
    """
    logits = penalise(logits, seen, sampling.repetition_penalty)
    if sampling.temperature == 0.0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    logits = keep_top_k(logits, sampling.top_k)
    logits = keep_top_p(logits, sampling.top_p)
    return choose(logits, uniforms)

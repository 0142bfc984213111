"""Causal attention inside each piece of a packed sequence, and the back-ends that compute it.

Transformers calls :func:`packed_attention` under the name :data:`NAME`; a back-end does the work.
No query ever meets a key of a later position or of another piece, and no mask of (sequence x
sequence) exists.

All back-ends take queries (1, heads, N, size), keys and values (1, key-value heads, N, size), each
of which serves heads / key-value heads queries without being repeated, and give (1, N, heads,
size). None ever holds an (N x N) matrix on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from yue.lm.packed_pieces import Pieces, make_pieces

Attend = Callable[[Tensor, Tensor, Tensor, Pieces, float], Tensor]


def by_piece(query: Tensor, key: Tensor, value: Tensor, pieces: Pieces, scale: float) -> Tensor:
    """Call scaled dot product attention once for each piece: works everywhere."""
    outputs = [
        F.scaled_dot_product_attention(
            query[:, :, start:end],
            key[:, :, start:end],
            value[:, :, start:end],
            is_causal=True,
            scale=scale,
            enable_gqa=key.shape[1] != query.shape[1],
        ).transpose(1, 2)
        for start, end in pairwise(pieces.marks)
    ]
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1)


def varlen(query: Tensor, key: Tensor, value: Tensor, pieces: Pieces, scale: float) -> Tensor:
    """Use PyTorch's flash attention for sequences of any lengths: all pieces in one kernel."""
    from torch.nn.attention.varlen import varlen_attn

    marks, longest = pieces.cumulative, pieces.longest
    queries, keys, values = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    causal = (-1, 0)  # any distance back, none forward
    output: Any = varlen_attn(
        queries, keys, values, marks, marks, longest, longest, scale=scale, window_size=causal
    )
    return output[None]  # type: ignore[no-any-return]


def flex(query: Tensor, key: Tensor, value: Tensor, pieces: Pieces, scale: float) -> Tensor:
    """Use FlexAttention, compiled to one kernel on a GPU."""
    grouped = key.shape[1] != query.shape[1]
    output: Tensor = _flex(query.device.type)(
        query, key, value, block_mask=pieces.blocks, scale=scale, enable_gqa=grouped
    )
    return output.transpose(1, 2)


@lru_cache
def _flex(device: str) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if device == "cuda" else flex_attention


BACKENDS: dict[str, Attend] = {"varlen": varlen, "flex": flex, "sdpa": by_piece}
"""By name, the fastest first."""


def candidates(
    device: str, dtype: torch.dtype, size: int, capability: tuple[int, int]
) -> tuple[str, ...]:
    """List the back-ends that a device should have, the fastest first.

    Args:
        device: "cpu" or "cuda".
        dtype: Of queries, keys and values.
        size: Of a head.
        capability: Of the GPU; not read for a CPU.
    """
    if device != "cuda":
        return ("sdpa",)
    names = []
    half = dtype in (torch.bfloat16, torch.float16)
    if half and capability >= (8, 0) and size % 8 == 0 and size <= 256:
        names.append("varlen")
    if capability >= (7, 5) and size >= 16 and size & (size - 1) == 0:
        names.append("flex")
    return (*names, "sdpa")


@dataclass(frozen=True)
class BackendChoice:
    """A back-end that works.

    Attributes:
        name: Its name.
        refused: Why faster ones were not taken, by name.
    """

    name: str
    refused: tuple[tuple[str, str], ...] = ()


@lru_cache
def choose_backend(
    device: torch.device, dtype: torch.dtype, heads: int, key_value_heads: int, size: int
) -> BackendChoice:
    """Find the fastest back-end that gives what :func:`by_piece` gives on this device."""
    cuda = device.type == "cuda"
    capability = torch.cuda.get_device_capability(device) if cuda else (0, 0)
    return first_that_works(
        candidates(device.type, dtype, size, capability),
        lambda name: _difference(name, device, dtype, heads, key_value_heads, size),
    )


def first_that_works(names: tuple[str, ...], difference: Callable[[str], float]) -> BackendChoice:
    """Choose the first whose results are right; the last needs no proof.

    Args:
        names: Back-ends in order of preference.
        difference: Of a back-end's results from the last one's, relative; may raise anything.
    """
    refused = []
    for name in names[:-1]:
        try:
            found = difference(name)
        except Exception as error:  # a library's; whatever it is, the next one is tried
            refused.append((name, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
            continue
        if found < _TOLERANCE:
            return BackendChoice(name, tuple(refused))
        refused.append((name, f"its results are off by {found:.1%}"))
    return BackendChoice(names[-1], tuple(refused))


_TOLERANCE = 0.02  # of bfloat16's rounding, in outputs and gradients
_PROBE = (0, 5, 205, 300)


def _difference(
    name: str,
    device: torch.device,
    dtype: torch.dtype,
    heads: int,
    key_value_heads: int,
    size: int,
) -> float:
    """Measure the largest relative difference from :func:`by_piece`, gradients included."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, count, _PROBE[-1], size) for count in (heads, key_value_heads, key_value_heads)]
    samples = [torch.randn(shape, generator=generator) for shape in shapes]
    outer = torch.randn((1, _PROBE[-1], heads, size), generator=generator).to(device, dtype)
    results = []
    with torch.inference_mode(False), torch.enable_grad():  # whoever asks may not want gradients
        for one in (name, "sdpa"):
            query, key, value = (x.to(device, dtype).requires_grad_() for x in samples)
            output = BACKENDS[one](query, key, value, make_pieces(_PROBE, one, device), size**-0.5)
            results.append((output, *torch.autograd.grad(output, (query, key, value), outer)))
    return max(
        float((ours - theirs).norm() / theirs.norm()) for ours, theirs in zip(*results, strict=True)
    )


NAME = "yue_packed"


def use_packed_attention(model: Any) -> None:
    """Make a Transformers model attend inside pieces only, from now on.

    The model then needs the pieces: call it through :func:`yue.lm.forward.hidden_states`.
    """
    if model.config._attn_implementation != NAME:
        from transformers import AttentionInterface

        # No mask function is registered under this name, so that Transformers makes no mask.
        AttentionInterface.register(NAME, packed_attention)
        model.set_attn_implementation(NAME)


def backend_of(model: Any) -> BackendChoice:
    """Choose the back-end for a Llama model on its device."""
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    weight = model.model.norm.weight
    return choose_backend(
        weight.device, weight.dtype, config.num_attention_heads, config.num_key_value_heads, size
    )


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    pieces: Pieces | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within one packed sequence.

    Args:
        module: The attention layer; not used.
        query: (1, heads, N, size).
        key: (1, key-value heads, N, size); each serves heads / key-value heads queries, unrepeated.
        value: Like ``key``.
        attention_mask: Must be None.
        scaling: Factor of the scores.
        dropout: Must be 0, as in every YuE model.
        pieces: Where pieces lie, and the back-end.

    Returns:
        (1, N, heads, size), and None for the weights.
    """
    if pieces is None or attention_mask is not None or dropout:
        raise RuntimeError(
            "packed attention needs the boundaries of pieces: use yue.lm.forward.hidden_states"
        )
    return BACKENDS[pieces.backend](query, key, value, pieces, scaling), None

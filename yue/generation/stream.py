"""A causal model fed token by token, with a key/value cache for rows of unequal length.

The cache's room doubles when it is full, so that appending copies what is new alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.cache_utils import Cache, DynamicLayer

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_FIRST_ROOM = 256  # tokens


class _Layer(DynamicLayer):  # type: ignore[misc]
    """One layer; ``keys`` and ``values`` are views of the part of the room that is used."""

    _room: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (rows, heads, n, size) keys and values; return all there are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        used = self.get_seq_length()
        end = used + key_states.shape[2]
        if self._room is None or end > self._room[0].shape[2]:
            self._grow(used, max(_FIRST_ROOM, 2 * end), key_states, value_states)
        assert self._room is not None
        keys, values = self._room
        keys[:, :, used:end] = key_states
        values[:, :, used:end] = value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def _grow(self, used: int, room: int, *states: Tensor) -> None:
        old = self._room
        rows, heads, _, size = states[0].shape
        grown = tuple(state.new_empty((rows, heads, room, size)) for state in states)
        if old is not None:
            for new, kept in zip(grown, old, strict=True):
                new[:, :, :used] = kept[:, :, :used]
        self._room = (grown[0], grown[1])


def growing_cache(layers: int) -> Cache:
    """Make an empty cache for a decoder of so many layers."""
    return Cache(layers=[_Layer() for _ in range(layers)])


@contextlib.contextmanager
def cached_attention(model: LlamaForCausalLM) -> Iterator[None]:
    """Let attention read a cache inside the block; packed attention, if it is on, does not."""
    before = model.config._attn_implementation
    model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


class SlicedHead:
    """The output layer restricted to the ids that may be drawn.

    A step of generation needs about a thousand logits out of 92,288; the rows of the others are
    never multiplied, which also blocks these ids. An output layer that is more than a matrix (an
    adapter on it, say) is applied whole and its logits are picked.

    Args:
        layer: The model's output layer.
        ids: (n,) int64 ids, in the order in which logits are returned.
    """

    def __init__(self, layer: nn.Module, ids: Tensor) -> None:
        self._layer, self._ids = layer, ids
        self._rows: Tensor | None = None
        if type(layer) is nn.Linear and getattr(layer, "bias", None) is None:
            self._rows = layer.weight[ids].detach()

    def __call__(self, hidden: Tensor, span: slice = slice(None)) -> Tensor:
        """Logits of the ids at ``span``: (rows, hidden size) to (rows, n)."""
        if self._rows is None:
            picked: Tensor = self._layer(hidden)[..., self._ids[span]]
            return picked
        return hidden @ self._rows[span].T


class Stream:
    """Rows of tokens that grow together, with the keys and values of what they have read.

    Rows are padded on the left of each chunk; padding is masked and takes no position, so a row's
    logits are those it has alone (up to rounding).

    Args:
        model: The causal language model (base, or with adapter layers inside).
        head: Its output layer for the ids of interest.
        rows: How many rows.
    """

    def __init__(self, model: LlamaForCausalLM, head: SlicedHead, rows: int) -> None:
        self._decoder: Any = model.model
        self._device = model.device
        self._head = head
        self._cache = growing_cache(model.config.num_hidden_layers)
        self._visible = torch.zeros((rows, 0), dtype=torch.bool)
        self._lengths = torch.zeros(rows, dtype=torch.int64)
        self._ragged = False

    def forget(self, rows: slice) -> None:
        """Restart rows: what they have read is masked, and takes no position."""
        self._visible[rows] = False
        self._lengths[rows] = 0
        self._ragged = self._ragged or self._visible.shape[1] > 0

    @property
    def lengths(self) -> list[int]:
        """How many tokens each row has read."""
        return [int(length) for length in self._lengths]

    def read(self, chunks: Sequence[NDArray[np.int32]], span: slice = slice(None)) -> Tensor:
        """Append one chunk of ids to each row (empty: the row rests) and predict what follows.

        Args:
            chunks: Ids, (n,) for each row.
            span: Which of the head's ids may follow.

        Returns:
            (rows, n) float64 logits on the CPU after the last token of each chunk; meaningless
            for a row that rests.
        """
        width = max(len(chunk) for chunk in chunks)
        ids = torch.zeros((len(chunks), width), dtype=torch.int64)
        fresh = torch.zeros((len(chunks), width), dtype=torch.bool)
        for row, chunk in enumerate(chunks):
            if len(chunk):
                ids[row, -len(chunk) :] = torch.from_numpy(np.asarray(chunk, dtype=np.int64))
                fresh[row, -len(chunk) :] = True
        positions = (self._lengths[:, None] + fresh.cumsum(-1) - 1).clamp_min(0)
        self._lengths += fresh.sum(-1)
        self._visible = torch.cat([self._visible, fresh], dim=-1)
        self._ragged = self._ragged or not bool(fresh.all())
        with torch.inference_mode():
            output = self._decoder(
                input_ids=ids.to(self._device),
                position_ids=positions.to(self._device),
                attention_mask=self._visible.to(self._device) if self._ragged else None,
                past_key_values=self._cache,
                use_cache=True,
            )
            logits: Tensor = self._head(output.last_hidden_state[:, -1], span)
        return logits.to("cpu", torch.float64)

"""Keys and values of a model, in room that doubles: appending copies what is new alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

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
    """An empty cache for a decoder of so many layers."""
    return Cache(layers=[_Layer() for _ in range(layers)])

"""Shapes of released models, for plans that are made before their weights are fetched.

A ``config.json`` that is there always wins.
"""

from __future__ import annotations

from yue.lm.shape import ModelShape

# As in their config.json; all of YuE's stage-1 models are alike.
_S1 = ModelShape(
    vocabulary=83968,
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
    """The shape of a released model by its name, or None."""
    return _S1 if name.startswith("YuE-s1-7B-anneal-") else None

"""Codecs that other packages bring, by the names in their metadata: nothing of theirs is run."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

GROUP = "yue.codecs"
"""The group of entry points that name a module with ``about``, ``read_card`` and ``load``."""


@cache
def installed() -> dict[str, EntryPoint]:
    """The entry points by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}

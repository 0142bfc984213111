"""Kinds of gradient checkpointing, without torch."""

from __future__ import annotations

MODES = ("none", "selective", "full")
"""From the most memory and the least time to the reverse."""

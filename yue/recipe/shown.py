"""A value of a recipe in the words of its file."""

from __future__ import annotations

from typing import Any


def shown_value(value: Any) -> str:
    """``null``, ``true``, ``[a, b]``, or the number or text itself."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown_value(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)

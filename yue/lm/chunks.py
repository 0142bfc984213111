"""How many logits the loss holds at once."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK_LOGITS = 2**25
"""In elements."""


def chunk_rows(vocabulary: int) -> int:
    """Rows of a chunk of logits; whole tiles of a GPU's matrix product where there are many."""
    rows = max(CHUNK_LOGITS // vocabulary, 1)
    return rows - rows % 128 if rows > 128 else rows


def chunks(rows: int, vocabulary: int) -> Iterator[slice]:
    """Cut rows into chunks."""
    size = chunk_rows(vocabulary)
    return (slice(start, start + size) for start in range(0, rows, size))

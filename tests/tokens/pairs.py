"""Documents at hand as a pair of token files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from yue.tokens.layouts.blocks import Document
from yue.tokens.pair_writer import WrittenPair, pair_writer


def write_pair(prefix: Path, documents: Iterable[Document], *, limit: int) -> WrittenPair:
    """Write documents, consumed once, as :func:`pair_writer` does."""
    with pair_writer(prefix, limit=limit) as pair:
        for document in documents:
            pair.append(document)
    return pair.written

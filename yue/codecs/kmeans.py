"""Residual vector quantisation of whole-number vectors, exact on any number of threads.

Vectors hold whole numbers in float32 with squared lengths below 2**22 or so; then every product
and sum is a whole number below 2**24, which float32 holds exactly in whatever order it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

Map = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]

_CHUNK = 1024


def nearest(vectors: Vectors, codebook: Vectors, spread: Map = map) -> NDArray[np.int64]:
    """Index of each vector's nearest codebook row, the first of equals.

    Args:
        vectors: (N, D) whole numbers.
        codebook: (K, D) whole numbers.
        spread: ``map``, or a thread pool's.

    Returns:
        (N,) indices.
    """
    lengths = (codebook * codebook).sum(axis=1)
    twice = np.ascontiguousarray(2 * codebook.T)
    found = np.empty(len(vectors), np.int64)

    def search(part: slice) -> None:
        found[part] = (lengths - vectors[part] @ twice).argmin(axis=1)

    parts = (slice(start, start + _CHUNK) for start in range(0, len(vectors), _CHUNK))
    for _ in spread(search, parts):
        pass
    return found


def fit_codebook(
    vectors: Vectors,
    size: int,
    iterations: int,
    rng: np.random.Generator,
    *,
    zero: bool,
    spread: Map = map,
) -> Vectors:
    """Lloyd's k-means.

    Args:
        vectors: (N, D) whole numbers, N >= size.
        size: Rows of the codebook.
        iterations: How many rounds.
        rng: Chooses the first rows, and new ones for rows that attract nothing.
        zero: Whether row 0 is fixed at zero.
        spread: ``map``, or a thread pool's; the result is the same.

    Returns:
        (size, D) whole numbers.
    """
    codebook = vectors[rng.choice(len(vectors), size, replace=False)]
    fixed = int(zero)
    codebook[:fixed] = 0
    for _ in range(iterations):
        ids = nearest(vectors, codebook, spread)
        counts = np.bincount(ids, minlength=size)
        live = np.flatnonzero(counts)
        ends = np.cumsum(counts[live])
        grouped = vectors[np.argsort(ids, kind="stable")].astype(np.int64)
        sums = np.add.reduceat(grouped, ends - counts[live])
        codebook[live] = np.rint(sums / counts[live, None])
        dead = np.flatnonzero(counts == 0)
        codebook[dead] = vectors[rng.choice(len(vectors), len(dead))]
        codebook[:fixed] = 0
    return codebook


def quantize(vectors: Vectors, codebooks: list[Vectors]) -> NDArray[np.int64]:
    """Codes (K, N) of vectors (N, D), each codebook coding what the ones before it left."""
    rest = vectors.copy()
    codes = np.empty((len(codebooks), len(vectors)), np.int64)
    for place, codebook in enumerate(codebooks):
        codes[place] = nearest(rest, codebook)
        rest -= codebook[codes[place]]
    return codes

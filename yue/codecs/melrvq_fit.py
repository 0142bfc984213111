"""Fitting melrvq to audio: seconds of work, and the same bytes on any number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from yue.codecs.base import Audio
from yue.codecs.melrvq import SHAPE, Fit, Map, MelRvq, Vectors, make_codec, nearest_rows
from yue.codecs.melrvq_mel import (
    HIGHEST,
    LOWEST,
    STEPS,
    MelShape,
    log_mel,
    mel_distance,
    one_blas_thread,
)
from yue.errors import CodecError
from yue.files import bytes_digest
from yue.workers import cores

_HELD_OUT = 10  # one in so many frames of each track, at its end
_MEASURED_SECONDS = 30.0
# Fewer frames for each codebook row fit their noise, not the music: 8 codebooks on 3,000 frames had
# a held-out mel distance of 0.180 with 1024 rows each, 0.156 with 512.
_FRAMES_A_ROW = 8
_MAX_FRAMES = 24_000  # k-means on 30,000 took 20 s with 15 rounds, so a fit sees a sample
_ITERATIONS = 6
# Standard deviations, in decades, of the first cosine terms over a frame's bands: level, tilt, ...
_VARIATION = (0.3, 0.25, 0.15, 0.1, 0.1)
_VARIED_SHARE = 1 / 3
_QUIET = 30  # a frame whose bands differ by less is silence or nearly so


def fit(
    tracks: Sequence[Audio],
    *,
    codebooks: int = 8,
    codebook_size: int | Sequence[int] = 1024,
    seed: int = 0,
    shape: MelShape = SHAPE,
) -> MelRvq:
    """Fit a codec to tracks; the last tenth of each track is held out and measured on.

    A third of what k-means sees is frames with their level and colour varied at random, so that
    the codec carries music unlike the tracks, and at another level.

    Args:
        tracks: (N,) float32 mono each, at the shape's sample rate.
        codebooks: K.
        codebook_size: Codes of a codebook, or of each; a fit on little audio uses fewer of them.
        seed: Equal seeds and tracks give equal codecs.
        shape: How audio becomes frames.

    Returns:
        The codec; ``report`` says what it was fitted to and how good it is.

    Raises:
        CodecError: Less audio than about a second.
    """
    sizes = (codebook_size,) * codebooks if isinstance(codebook_size, int) else tuple(codebook_size)
    tracks = [track[: len(track) // shape.hop * shape.hop] for track in tracks]
    if not all(np.isfinite(track).all() for track in tracks):
        raise CodecError("the audio has samples that are not finite numbers")
    cuts = [len(track) // shape.hop * (_HELD_OUT - 1) // _HELD_OUT * shape.hop for track in tracks]
    one_blas_thread()
    rng = np.random.default_rng(seed)
    parts = [track[:cut] for track, cut in zip(tracks, cuts, strict=True) if cut]
    frames = _training_frames(parts, shape, rng)
    fitted = tuple(min(size, len(frames) // _FRAMES_A_ROW) for size in sizes)
    if min(fitted) < 2:
        raise CodecError(
            f"{sum(map(len, parts)) / shape.sample_rate:.1f} s of audio is too little for a codec",
            why="every codebook row is fitted to at least 8 frames",
            fix="give at least a few seconds, better five minutes",
        )
    tables = [
        np.concatenate([book, np.repeat(book[:1], size - len(book), axis=0)])
        for book, size in zip(_fit_codebooks(frames, fitted, rng), sizes, strict=True)
    ]
    codec = make_codec(shape, tables, fitted)
    held_out = [track[cut:] for track, cut in zip(tracks, cuts, strict=True) if len(track) > cut]
    codec.report = Fit(
        seconds=round(sum(map(len, parts)) / shape.sample_rate, 3),
        held_out_seconds=round(sum(map(len, held_out)) / shape.sample_rate, 3),
        frames=len(frames),
        fitted_sizes=fitted,
        data_digest=bytes_digest(*(track.tobytes() for track in tracks)),
        seed=seed,
        mel_distance={
            str(count): round(_distance(codec, held_out, count), 3)
            for count in sorted({1, len(sizes)})
        },
    )
    return codec


def _training_frames(parts: Sequence[Audio], shape: MelShape, rng: np.random.Generator) -> Vectors:
    with ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(lambda part: log_mel(part, shape), parts))
    frames = np.concatenate([np.zeros((0, shape.mels), np.float32), *found])
    varied = int(_MAX_FRAMES * _VARIED_SHARE)
    if len(frames) > _MAX_FRAMES - varied:
        frames = frames[np.sort(rng.choice(len(frames), _MAX_FRAMES - varied, replace=False))]
    loud = frames[np.ptp(frames, axis=1) > _QUIET]
    if not len(loud):
        return frames
    count = min(varied, len(frames) // 2)
    return np.concatenate([frames, _vary_frames(loud[rng.choice(len(loud), count)], rng)])


def _vary_frames(frames: Vectors, rng: np.random.Generator) -> Vectors:
    """Return frames (N, mels) as if played louder or softer through a smooth random filter."""
    places = (np.arange(frames.shape[1]) + 0.5) / frames.shape[1]
    cosines = np.stack([np.cos(np.pi * term * places) for term in range(len(_VARIATION))])
    terms = rng.normal(size=(len(frames), len(_VARIATION))) * _VARIATION
    varied = frames + np.rint(terms @ cosines * STEPS)
    clipped: Vectors = np.clip(varied, LOWEST, HIGHEST).astype(np.float32, copy=False)
    return clipped


def _fit_codebooks(
    frames: Vectors, sizes: Sequence[int], rng: np.random.Generator
) -> list[Vectors]:
    books = []
    rest = frames
    with ThreadPoolExecutor(cores()) as pool:
        for place, size in enumerate(sizes):
            book = _fit_codebook(rest, size, _ITERATIONS, rng, zero=place > 0, spread=pool.map)
            if place == 0:
                # Quietest first: code 0 is silence, and so are rows that a small fit leaves empty.
                book = book[np.argsort(book.sum(axis=1), kind="stable")]
            rest = rest - book[nearest_rows(rest, book, pool.map)]
            books.append(book)
    return books


def _fit_codebook(
    vectors: Vectors,
    size: int,
    iterations: int,
    rng: np.random.Generator,
    *,
    zero: bool,
    spread: Map = map,
) -> Vectors:
    """Fit a codebook by Lloyd's k-means.

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
        ids = nearest_rows(vectors, codebook, spread)
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


def _distance(codec: MelRvq, held_out: Sequence[Audio], codebooks: int) -> float:
    """Measure the mean distance over the tracks, on equal shares of at most 30 seconds in all."""
    share = int(_MEASURED_SECONDS * codec.sample_rate / max(1, len(held_out)))
    share = max(codec.card.hop, share // codec.card.hop * codec.card.hop)

    def distance(track: NDArray[np.float32]) -> float:
        part = track[:share]
        decoded = codec.decode(codec.encode(part[np.newaxis])[0, :codebooks])
        return mel_distance(part, decoded, codec.sample_rate)

    with ThreadPoolExecutor(cores()) as pool:
        return float(np.mean(list(pool.map(distance, held_out))))

"""G5 to G9, G11, G14, G15: indices, blends, packing."""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import packing
from timing import Line, best, compile_c, line

from tests.native import reference
from yue.dataset.gpt_index import GptIndex, GptOptions, gpt_index
from yue.dataset.packing import pack
from yue.dataset.token_files import TokenFiles
from yue.native.document_gather import best_fit
from yue.native.gpt_arrays import RandomState, blend, sample_index
from yue.tokens.pair_writer import pair_writer
from yue.tokens.vocabulary import codec_range

STEP = 8192


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class Upstream:
    """Megatron's helpers, called on NumPy arrays."""

    def __init__(self, folder: Path) -> None:
        self.lib = compile_c("upstream_index", folder)

    def samples(self, sizes: np.ndarray, documents: np.ndarray, rows: int) -> np.ndarray:
        """Make the sample index."""
        out = np.empty((rows, 2), dtype=np.int32)
        self.lib.upstream_sample_index(
            pointer(sizes), pointer(documents), STEP, ctypes.c_int64(rows), pointer(out)
        )
        return out

    def blend(self, weights: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Make the blend."""
        sets, samples = np.zeros(size, np.int16), np.zeros(size, np.int64)
        self.lib.upstream_blend(
            pointer(sets), pointer(samples), pointer(weights), len(weights), ctypes.c_int64(size)
        )
        return sets, samples

    def whole(self, sizes: np.ndarray, options: GptOptions, epochs: int) -> GptIndex:
        """As ``GPTDataset`` builds its three arrays."""
        random = np.random.RandomState(options.seed)
        documents = np.mgrid[0:epochs, 0 : len(sizes)][1]
        documents[:] = np.arange(len(sizes))
        documents = documents.reshape(-1).astype(np.int32)
        if options.shuffle_sequences:
            random.shuffle(documents)
        count = (epochs * int(sizes.sum(dtype=np.int64)) - 1) // STEP
        samples = self.samples(sizes, documents, count + 1)
        shuffle = np.arange(count, dtype=np.uint32)
        random.shuffle(shuffle)
        return GptIndex(documents, samples, shuffle)


def floors_of(
    sizes: np.ndarray, rows: int, order: np.ndarray | None
) -> dict[str, Callable[[], object]]:
    """Read the input once and write the output once, to an array at hand or to a new one."""
    out = np.empty((rows, 2), dtype=np.int32)

    def read() -> None:
        sizes.max()
        if order is not None:
            order.max()

    def floor() -> None:
        read()
        out.fill(1)

    def new_output_floor() -> None:
        read()
        np.empty((rows, 2), dtype=np.int32).fill(1)

    return {"floor": floor, "new_output_floor": new_output_floor}


def sample_indices(upstream: Upstream, count: int, rounds: int) -> Iterator[Line]:
    rng = np.random.default_rng(0)
    songs = rng.integers(3000, 20_001, count, dtype=np.int32)
    short = rng.integers(50, 4001, count, dtype=np.int32)
    identity = np.arange(count, dtype=np.int32)
    shuffled = rng.permutation(count).astype(np.int32)
    goals = [
        ("G5", "songs, in order", songs, None, {"upstream": (">=", 3.0)}),
        ("G6", "50..4000, in order", short, None,
         {"upstream": (">=", 4.0), "floor": ("<=", 3.5)}),
        ("G7", "50..4000, shuffled", short, shuffled, {"upstream": (">=", 1.5)}),
        ("G7", "songs, shuffled", songs, shuffled, {"upstream": (">=", 3.0)}),
    ]  # fmt: skip
    for goal, what, sizes, order, wanted in goals:
        rows = (int(sizes.sum(dtype=np.int64)) - 1) // STEP + 1
        documents = identity if order is None else order
        stream = sizes if order is None else sizes[order]

        def ours(sizes: Any = sizes, rows: int = rows, order: Any = order) -> np.ndarray:
            return sample_index(sizes, step=STEP, rows=rows, order=order)

        def theirs(sizes: Any = sizes, rows: int = rows, documents: Any = documents) -> np.ndarray:
            return upstream.samples(sizes, documents, rows)

        def numpy(stream: Any = stream, rows: int = rows) -> np.ndarray:
            return reference.sample_index(stream, step=STEP, rows=rows)

        assert np.array_equal(ours(), theirs())
        assert np.array_equal(ours(), numpy())
        ways = {"ours": ours, "upstream": theirs, **floors_of(sizes, rows, order)}
        times = best(rounds, **ways) | best(1, numpy=numpy)
        yield line(goal, f"sample index, {count:.0e} documents {what}", times, wanted)


def shuffles(counts: list[int], rounds: int) -> Iterator[Line]:
    for count in counts:
        mine, theirs = np.arange(count, dtype=np.uint32), np.arange(count, dtype=np.uint32)
        RandomState(1).shuffle(mine)
        np.random.RandomState(1).shuffle(theirs)
        assert np.array_equal(mine, theirs)
        times = best(
            rounds if count < 10**8 else 1,
            ours=lambda mine=mine: RandomState(1).shuffle(mine),
            numpy=lambda theirs=theirs: np.random.RandomState(1).shuffle(theirs),
        )
        wanted = {"numpy": (">=", 2.5 if count < 10**7 else 5.0)}
        yield line("G8", f"RandomState shuffle of {count:.0e}", times, wanted)


def whole_builds(upstream: Upstream, folder: Path, count: int, rounds: int) -> Iterator[Line]:
    sizes = np.random.default_rng(0).integers(50, 4001, count, dtype=np.int32)
    once = int(sizes.sum(dtype=np.int64))
    for epochs, is_shuffled in ((1, False), (1, True), (4, False), (4, True)):
        samples = (epochs * once - 1) // STEP
        options = GptOptions(samples, STEP, 1234, shuffle_sequences=is_shuffled)

        def save(name: str, index: GptIndex) -> list[bytes]:
            paths = [folder / f"{name}.{part}.npy" for part in vars(index)]
            for path, array in zip(paths, vars(index).values(), strict=True):
                np.save(path, array)
            return [path.read_bytes() for path in paths] if count <= 10**5 else []

        def ours(options: GptOptions = options) -> list[bytes]:
            return save("ours", gpt_index(sizes, options))

        def theirs(options: GptOptions = options, epochs: int = epochs) -> list[bytes]:
            return save("upstream", upstream.whole(sizes, options, epochs))

        ours(), theirs()
        for part in ("documents", "samples", "shuffle"):
            pair = [np.load(folder / f"{name}.{part}.npy", mmap_mode="r") for name in
                    ("ours", "upstream")]  # fmt: skip
            assert pair[0].dtype == pair[1].dtype
            assert np.array_equal(*pair)
        times = best(rounds, ours=ours, upstream=theirs)
        memory = peak(ours) / peak(theirs)
        what = f"whole index, {count:.0e} documents x {epochs}{', shuffled' * is_shuffled}"
        found = line("G9", f"{what}; {memory:.2f}x the memory", times, {"upstream": (">=", 4.0)})
        yield Line(**{**vars(found), "wanted": f"{found.wanted}, memory <= 0.45x",
                      "holds": found.holds and memory <= 0.45})  # fmt: skip


def peak(work: Callable[[], object]) -> int:
    """Bytes of arrays at the worst moment."""
    tracemalloc.start()
    work()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def blends(upstream: Upstream, rounds: int) -> Iterator[Line]:
    for count, size, least in ((4, 10**7, 2.5), (64, 10**6, 1.5)):
        weights = np.random.default_rng(count).random(count)
        weights /= weights.sum()
        out = np.empty(size, np.int16), np.empty(size, np.int64)
        for mine, theirs in zip(blend(weights, size), upstream.blend(weights, size), strict=True):
            assert np.array_equal(mine, theirs)
        times = best(
            rounds,
            ours=lambda weights=weights, size=size: blend(weights, size),
            upstream=lambda weights=weights, size=size: upstream.blend(weights, size),
            floor=lambda out=out: [array.fill(1) for array in out],
        )
        wanted = {"upstream": (">=", least)}
        yield line("G11", f"blend of {count} data sets, {size:.0e} samples", times, wanted)


class SegmentTree:
    """The largest room in each half, as TRL's best fit looks rows up."""

    def __init__(self, size: int) -> None:
        self.size = 1 << (size - 1).bit_length()
        self.tree = [0] * (2 * self.size)

    def add(self, value: int) -> None:
        """Note a room there is."""
        i = self.size + value - 1
        self.tree[i] = value
        while i > 1:
            i >>= 1
            left, right = self.tree[2 * i], self.tree[2 * i + 1]
            self.tree[i] = left if left >= right else right

    def remove(self, value: int) -> None:
        """Forget it."""
        i = self.size + value - 1
        self.tree[i] = 0
        while i > 1:
            i >>= 1
            left, right = self.tree[2 * i], self.tree[2 * i + 1]
            self.tree[i] = left if left >= right else right

    def search(self, value: int) -> int:
        """Return the smallest room of at least this."""
        i = 1
        while i < self.size:
            i = 2 * i if self.tree[2 * i] >= value else 2 * i + 1
        return self.tree[i]


def best_fit_by_tree(lengths: list[int], room: int) -> list[list[int]]:
    """Best fit decreasing, a piece at a time in Python, as TRL and OLMo-core do it."""
    tree, by_room = SegmentTree(room), {}
    tree.add(room)
    by_room[room] = [[] for _ in lengths]
    rows: list[list[int]] = []
    for piece in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[piece]
        found = tree.search(length)
        row = by_room[found].pop()
        if not by_room[found]:
            tree.remove(found)
        if found == room:
            rows.append(row)
        row.append(piece)
        left = found - length
        if left:
            if not by_room.setdefault(left, []):
                tree.add(left)
            by_room[left].append(row)
    return rows


def packings(folder: Path, rounds: int) -> Iterator[Line]:
    lengths = np.random.default_rng(0).integers(50, STEP + 1, 10**5)
    theirs = best_fit_by_tree(lengths.tolist(), STEP)
    assert len(theirs) == len(best_fit(lengths, STEP)[1]) - 1, "not the same number of rows"
    times = best(rounds, ours=lambda: best_fit(lengths, STEP)) | best(
        1, python_tree=lambda: best_fit_by_tree(lengths.tolist(), STEP)
    )
    yield line("G14", "best fit of 1e5 lengths", times, {"python_tree": (">=", 100.0)})
    prefix, codec = folder / "songs", codec_range("xcodec")
    with pair_writer(prefix, limit=codec.rows) as pair:
        for document in packing.make_songs(4000):
            pair.append(document)
    files, context = TokenFiles.open(prefix, codec=codec), 16_384
    times = best(1, ours=lambda: pack(files, context))
    found = packing.quality(files, context, packing.rows_of(pack(files, context)), 0.0)
    zeros = (found.cut_though_they_fit, found.sections_cut, found.without_header)
    what = f"4,000 songs at 16,384: {found.padding:.2%} padding, needless cuts, sections cut, "
    what += f"tokens without header: {zeros[0]}, {zeros[1]}, {zeros[2]:g}"
    holds = found.padding <= 0.035 and not any(zeros)
    yield Line("G15", what, times["ours"], {}, "padding <= 3.5 %, three zeros", holds)

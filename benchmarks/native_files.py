"""G1 to G4, G10, G12, G13, G16: assembling, writing, opening, reading."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mmap_stage
import numpy as np
import upstream_mmap
from native_indices import pointer
from timing import Line, best, compile_c, line

from tests.native import reference
from yue.dataset.token_files import TokenFiles
from yue.files import atomic_file
from yue.native.bin_writer import BinWriter, crc32c
from yue.native.code_ids import interleave
from yue.native.document_gather import gather
from yue.native.index_arrays import read_index
from yue.native.library import library
from yue.tokens.megatron_files import HEADER, bin_path, idx_path
from yue.tokens.pair_writer import write_index
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

STEP, BATCH, LIMIT = 8192, 8, 92_288
SHARE = 50  # of the slowest peer's work that is done and multiplied
XCODEC = codec_range("xcodec")


def stage(folder: Path, tokenizer: Path, rounds: int) -> Iterator[Line]:
    mmap_stage.FRAMES, mmap_stage.SECTIONS = 5000, 10
    jsonl = mmap_stage.make_songs(folder, 200)

    def ours() -> None:
        write_token_files(jsonl, folder, tokenizer, XCODEC, output_prefix=folder / "o", workers=2)

    def upstream() -> None:
        upstream_mmap.write(jsonl, folder, tokenizer, folder / "u", 2)

    wall = time.perf_counter  # several processes
    times = best(rounds, clock=wall, ours=ours) | best(1, clock=wall, upstream=upstream)
    for suffix in (".bin", ".idx"):
        assert (folder / f"o{suffix}").read_bytes() == (folder / f"u{suffix}").read_bytes()
    what = "200 songs of 10,000 codes, SentencePiece, to .bin/.idx"
    yield line("G1", what, times, {"upstream": (">=", 20.0)})


def lanes(rounds: int) -> Iterator[Line]:
    codes = np.random.default_rng(0).integers(0, 1024, (2, 30_000))
    source, target = np.ones(60_000, dtype=np.int32), np.empty(60_000, dtype=np.int32)
    native = library()
    for goal, dtype in (("G2", np.int16), ("G2b", np.int64)):
        first, second = codes.astype(dtype)
        function = {"G2": native.lib.yue_interleave, "G2b": native.lib.yue_interleave64}[goal]
        lanes = native.pointer(first), native.pointer(second)
        bare = (*lanes, 30_000, XCODEC.offset, 1024, native.pointer(target, True), 60_000,
                native.ffi.new("int64_t *"))  # fmt: skip
        as_many = np.ones(first.nbytes + target.nbytes // 2, dtype=np.int8)  # read and written

        def ours(a: Any = first, b: Any = second) -> np.ndarray:
            return interleave(a, b, offset=XCODEC.offset, size=1024)

        def numpy(a: Any = first, b: Any = second) -> np.ndarray:
            if a.min() < 0 or b.min() < 0 or a.max() >= 1024 or b.max() >= 1024:
                raise ValueError
            ids = np.empty(60_000, dtype=np.int32)
            ids[0::2], ids[1::2] = a, b
            ids += XCODEC.offset
            return ids

        def upstream(a: Any = first, b: Any = second) -> list[Any]:
            ids = [upstream_mmap.Encoder.npy2ids(lane[None]) for lane in (a, b)]
            return list(np.stack([np.array(lane) for lane in ids]).T.reshape(-1))

        assert np.array_equal(ours(), numpy())
        assert ours().tolist() == upstream()

        times = best(
            20 * rounds,
            calls=20,
            ours=ours,
            memcpy=source.copy,
            c_alone_floor=lambda function=function, bare=bare: function(*bare),
            memcpy_of_as_many_bytes=as_many.copy,
            numpy=numpy,
        ) | best(rounds, upstream=upstream)
        wanted = {"memcpy": ("<=", 1.5)} | ({"upstream": (">=", 100.0)} if goal == "G2" else {})
        yield line(goal, f"interleave 2 x 30,000 {np.dtype(dtype)}", times, wanted)


def writer(folder: Path, rounds: int) -> Iterator[Line]:
    for count, length in ((20_000, 2_000), (1000, 60_000)):
        ids = np.random.default_rng(0).integers(0, 65_000, length)
        total = 4 * count * length

        def ours(ids: Any = ids, count: int = count) -> None:
            with (folder / "w").open("wb") as stream, BinWriter(stream.fileno(), limit=LIMIT) as w:
                for _ in range(count):
                    w.append(ids)

        def floor(total: int = total) -> None:
            block = bytes(1 << 20)
            with (folder / "w").open("wb", buffering=0) as stream:
                for _ in range(total >> 20):
                    stream.write(block)

        as_list = list(ids)

        def upstream(as_list: Any = as_list, count: int = count) -> None:
            with (folder / "w").open("wb") as stream:
                for _ in range(count // SHARE):
                    stream.write(np.array(as_list, dtype=np.int32).tobytes(order="C"))

        times = best(rounds, ours=ours, floor=floor, upstream=upstream)
        times["upstream"] *= SHARE
        wanted = {"floor": ("<=", 1.6), "upstream": (">=", 12.0)}
        yield line("G3", f"write {count:,} x {length:,} int64, with checksums", times, wanted)
    (folder / "w").unlink()


def index_files(folder: Path, count: int, rounds: int) -> Iterator[Line]:
    lengths = np.random.default_rng(0).integers(50, 4001, count, dtype=np.int32)
    marks = np.append(np.arange(0, count, 20, dtype=np.int64), count)
    prefix, part = folder / "big", 20

    def ours() -> None:
        write_index(idx_path(prefix), lengths, marks)

    some, few = lengths[: count // part].tolist(), marks[marks < count // part].tolist()

    def upstream() -> None:
        pointers, place = [], 0
        for length in some:
            pointers.append(place)
            place += length * 4
        with io.BytesIO() as stream:
            stream.write(np.array(some, dtype=np.int32).tobytes(order="C"))
            stream.write(np.array(pointers, dtype=np.int64).tobytes(order="C"))
            stream.write(np.array(few, dtype=np.int64).tobytes(order="C"))

    ours()
    content = idx_path(prefix).read_bytes()

    def write_floor() -> None:
        with atomic_file(prefix.with_suffix(".floor")) as stream:
            stream.write(content)

    times = best(rounds, ours=ours, upstream=upstream, write_floor=write_floor)
    times["upstream"] *= part
    prefix.with_suffix(".floor").unlink()
    tracemalloc.start()
    ours()
    memory = tracemalloc.get_traced_memory()[1] / count
    tracemalloc.stop()
    what = f"write an .idx of {count:.0e}, synced; {memory:.0f} bytes a sequence"
    found = line("G4", what, times, {"upstream": (">=", 12.0)})
    yield Line(**{**vars(found), "wanted": found.wanted + ", <= 24 bytes",
                  "holds": found.holds and memory <= 24})  # fmt: skip
    yield from _opened(prefix, lengths, marks, rounds)


def _opened(prefix: Path, lengths: np.ndarray, marks: np.ndarray, rounds: int) -> Iterator[Line]:
    """Opening and validating what :func:`index_files` wrote; its .bin is a hole."""
    size = 4 * int(lengths.sum(dtype=np.int64))
    with bin_path(prefix).open("wb") as stream:
        stream.truncate(size)
    sizes = {"sequences": len(lengths), "marks": len(marks), "item_size": 4}
    index = os.open(idx_path(prefix), os.O_RDONLY)
    tokens = os.open(bin_path(prefix), os.O_RDONLY)
    block = bytearray(1 << 18)

    def ours() -> object:
        return read_index(index, start=HEADER.size, **sizes)

    def floor() -> None:
        place = 0
        while count := os.preadv(index, [block], place):
            place += count

    def checksum_floor() -> None:
        place, crc, out = 0, 0, np.empty(len(lengths), dtype=np.int32)
        out.fill(1)
        while count := os.preadv(index, [block], place):
            place, crc = place + count, crc32c(memoryview(block)[:count], crc)

    def numpy() -> None:
        data = np.fromfile(idx_path(prefix), np.uint8)
        n, at = len(lengths), HEADER.size
        found = data[at : at + 4 * n].view("<i4").copy()
        pointers = data[at + 4 * n : at + 12 * n].view("<i8").copy()
        documents = data[at + 12 * n :].view("<i8").copy()
        assert reference.index_fault(found, pointers, documents, item_size=4) is None

    times = best(rounds, ours=ours, read_floor=floor, checksum_floor=checksum_floor, numpy=numpy)
    wanted = {"read_floor": ("<=", 2.0)}
    what = f"validate and read an .idx of {len(lengths):.0e}, with its checksum"
    yield line("G16", what, times, wanted)

    def first_sample() -> None:
        arrays: Any = ours()
        assert arrays.bin_size == os.fstat(tokens).st_size
        out = np.empty(STEP + 1, dtype=np.int64)
        gather(tokens, np.array([[0, STEP + 1, 0]]), out, item_size=4, limit=LIMIT)

    times = best(rounds, ours=first_sample)
    is_fast = times["ours"] <= 0.05
    yield Line("G10", f"open {len(lengths):.0e} sequences, validate, read a sample",
               times["ours"], {}, "<= 50 ms", is_fast)  # fmt: skip
    os.close(index)
    os.close(tokens)


def reads(folder: Path, rounds: int) -> Iterator[Line]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(50, 4001, 50_000, dtype=np.int32)
    total = int(lengths.sum(dtype=np.int64))
    prefix = folder / "reads"
    rng.integers(0, 65_000, total, dtype=np.int32).tofile(bin_path(prefix))
    write_index(idx_path(prefix), lengths, np.arange(len(lengths) + 1, dtype=np.int64))
    files = TokenFiles.open(prefix, codec=XCODEC)
    mapped = np.memmap(bin_path(prefix), dtype="<i4", mode="r")
    pool = np.fromfile(bin_path(prefix), "<i4")
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    batches, width = 60, STEP + 1
    in_order = [spans_of(rng.integers(0, total - width, BATCH)) for _ in range(batches)]
    documents = [parts_in_order(spans, starts[1:]) for spans in in_order]
    order = rng.permutation(len(lengths))
    mixed = [parts_shuffled(rng, order, lengths, starts) for _ in range(batches)]
    flat = np.empty((BATCH, width), dtype=np.int32)

    def memcpy() -> None:
        for spans in in_order:
            for row, (start, count, _) in enumerate(spans.tolist()):
                flat[row] = pool[start : start + count]

    view = memoryview(mapped).cast("B")
    floors, descriptor = compile_c("floors", folder), os.open(bin_path(prefix), os.O_RDONLY)
    for what, work, parts, least in (
        ("in order", in_order, documents, 5.0),
        ("shuffled", mixed, mixed, 3.0),
    ):
        for dtype in (np.int64, np.int32):
            out = np.empty((BATCH, width), dtype=dtype)

            def ours(work: Any = work, out: Any = out) -> None:
                for spans in work:
                    files.gather(spans, out)

            def upstream(parts: Any = parts) -> None:
                for spans in parts:
                    _query(view, spans, width)

            def preads_floor(work: Any = work) -> None:
                for spans in work:
                    floors.bare_preads(descriptor, pointer(spans), len(spans), pointer(flat))

            ours(work[:1])
            assert np.array_equal(out, _query(view, parts[0], width))
            times = best(
                4 * rounds, ours=ours, memcpy=memcpy, preads_floor=preads_floor, upstream=upstream
            )
            wanted = {"upstream": (">=", least)}
            if dtype == np.int32:
                wanted["memcpy"] = ("<=", 2.0)
            times = {name: seconds / batches for name, seconds in times.items()}
            name = f"batch of 8 x 8193 {what}, into {np.dtype(dtype)}"
            yield line("G12", name, times, wanted)
    os.close(descriptor)
    yield from loaders(files, mapped, in_order, rounds)


def spans_of(starts: np.ndarray) -> np.ndarray:
    """A row from each start; in the order of the file a row is one span."""
    return np.array([[s, STEP + 1, (STEP + 1) * row] for row, s in enumerate(starts.tolist())])


def parts_in_order(spans: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The same tokens document by document, as upstream reads them."""
    parts = []
    for start, count, place in spans.tolist():
        at = start
        while at < start + count:
            stop = min(int(ends[np.searchsorted(ends, at, side="right")]), start + count)
            parts.append((at, stop - at, place + at - start))
            at = stop
    return np.array(parts)


def parts_shuffled(
    rng: np.random.Generator, order: np.ndarray, lengths: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Rows of consecutive documents of a shuffled order."""
    parts = []
    for row in range(BATCH):
        position, place = int(rng.integers(0, len(order) - 400)), 0
        while place <= STEP:
            document = order[position]
            count = min(int(lengths[document]), STEP + 1 - place)
            parts.append((int(starts[document]), count, row * (STEP + 1) + place))
            place, position = place + count, position + 1
    return np.array(parts)


def _query(view: memoryview, parts: np.ndarray, width: int) -> np.ndarray:
    """As upstream: an array on the map for each document, joined and cast, sample by sample."""
    rows: dict[int, list[np.ndarray]] = {}
    for start, count, place in parts.tolist():
        part = np.frombuffer(view, dtype=np.int32, count=count, offset=4 * start)
        rows.setdefault(place // width, []).append(part)
    return np.stack([np.array(np.concatenate(parts), dtype=np.int64) for parts in rows.values()])


def loaders(
    files: TokenFiles, mapped: np.ndarray, batches: list[np.ndarray], rounds: int
) -> Iterator[Line]:
    import torch
    from torch.utils.data import DataLoader, Dataset

    starts = np.concatenate([spans[:, 0] for spans in batches]).tolist()

    class Ours(Dataset):  # type: ignore[type-arg]
        """One call of C a batch; labels are the model's to shift."""

        def __len__(self) -> int:
            return len(starts)

        def __getitems__(self, numbers: list[int]) -> torch.Tensor:
            out = np.empty((len(numbers), STEP + 1), dtype=np.int64)
            files.gather(spans_of(np.array([starts[n] for n in numbers])), out)
            return torch.from_numpy(out)

    class Theirs(Dataset):  # type: ignore[type-arg]
        """Tokens and labels of one sample, and the mask that upstream adds."""

        def __init__(self, *, is_masked: bool) -> None:
            self.is_masked = is_masked

        def __len__(self) -> int:
            return len(starts)

        def __getitem__(self, number: int) -> dict[str, Any]:
            start = starts[number]
            tokens = torch.from_numpy(mapped[start : start + STEP + 1].astype(np.int64))
            sample = {"input_ids": tokens[:-1].contiguous(), "labels": tokens[1:].contiguous()}
            if self.is_masked:
                mask = torch.tril(torch.ones((STEP, STEP))).unsqueeze(0)
                sample["attention_mask"] = mask < 0.5
            return sample

    def run(dataset: Any, collate: Callable[[Any], Any] | None) -> Callable[[], object]:
        loader = DataLoader(dataset, batch_size=BATCH, collate_fn=collate)
        return lambda: [None for _ in loader]

    class Nothing(Ours):
        """The loader and a new batch, of which nothing is read."""

        def __getitems__(self, numbers: list[int]) -> torch.Tensor:
            spans_of(np.array([starts[n] for n in numbers]))
            return torch.from_numpy(np.empty((len(numbers), STEP + 1), dtype=np.int64))

    mask = Theirs(is_masked=True)
    times = best(
        4 * rounds,
        ours=run(Ours(), lambda batch: batch),
        loader_floor=run(Nothing(), lambda batch: batch),
        without_mask=run(Theirs(is_masked=False), None),
    )
    times |= {"with_mask": len(starts) * best(1, one=lambda: mask[0])["one"]}
    times = {name: seconds / len(starts) for name, seconds in times.items()}
    wanted = {"with_mask": (">=", 10_000.0), "without_mask": (">=", 3.0)}
    yield line("G13", "DataLoader, no workers, batch 8, one sample", times, wanted)

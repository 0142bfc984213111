"""Upstream's indices: its own golden ones, and any other held to a plain restatement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.dataset.upstream import normalize, restated, restated_blend
from yue.dataset.gpt_index import GptIndex, GptOptions, blend_index, gpt_index, split_ranges
from yue.dataset.index_cache import parse_entry
from yue.dataset.token_files import TokenFiles
from yue.errors import UsageError
from yue.native.gpt_arrays import blend
from yue.tokens.vocabulary import codec_range

SPLITS = ("train", "valid", "test")
# The ICL data set of the golden blend is the CoT one with random prompts in its headers.
ICL_HEADERS = (3007, 3349, 3169, 3105)


def assert_golden(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    with np.load(path, allow_pickle=False) as golden:
        assert sorted(golden.files) == sorted(arrays)
        for name, array in arrays.items():
            assert array.dtype == golden[name].dtype
            assert np.array_equal(array, golden[name]), f"{path.name}: {name}"


def named(index: GptIndex) -> dict[str, npt.NDArray[Any]]:
    return {
        "document_index": index.documents,
        "sample_index": index.samples,
        "shuffle_index": index.shuffle,
    }


@pytest.fixture(scope="module")
def cot(golden: Path) -> npt.NDArray[np.int32]:
    prefix = golden / "expected" / "dummy_cot" / "text_document"
    return TokenFiles.open(prefix, codec=codec_range("xcodec")).lengths


def test_upstreams_split_is_reproduced(golden: Path, cot: npt.NDArray[np.int32]) -> None:
    folder = golden / "expected" / "index" / "single_900_50_50"
    ranges = split_ranges("900,50,50", len(cot))
    for name, wanted, sequences in zip(SPLITS, (200, 8, 8), ranges, strict=True):
        index = gpt_index(cot, GptOptions(wanted, 512, 1234), sequences=sequences)
        assert_golden(folder / f"cot_{name}.npz", named(index))


def test_upstreams_separate_last_epoch_is_reproduced(
    golden: Path, cot: npt.NDArray[np.int32]
) -> None:
    index = gpt_index(cot, GptOptions(80, 1024, 1234))
    folder = golden / "expected" / "index" / "single_multi_epoch_sep_final"
    assert_golden(folder / "cot_train.npz", named(index))


def test_upstreams_blend_is_reproduced(golden: Path, cot: npt.NDArray[np.int32]) -> None:
    folder = golden / "expected" / "index" / "blend_two"
    icl = cot.copy()
    icl[::5] = ICL_HEADERS
    ranges = split_ranges("900,50,50", len(cot))
    for name, wanted, sequences in zip(SPLITS, (200, 8, 8), ranges, strict=True):
        blended = blend_index([int(cot.sum()), int(icl.sum())], wanted)
        arrays = {"dataset_index": blended.datasets, "dataset_sample_index": blended.samples}
        assert_golden(folder / f"blend_{name}.npz", arrays)
        for kind, lengths, request in zip(
            ("cot", "icl_dual"), (cot, icl), blended.requests, strict=True
        ):
            index = gpt_index(lengths, GptOptions(request, 512, 1234), sequences=sequences)
            assert_golden(folder / f"{kind}_{name}.npz", named(index))


OPTIONS = st.builds(
    GptOptions, st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans()
)
LENGTHS = st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any)


@settings(max_examples=60)
@given(LENGTHS, OPTIONS)
def test_an_index_is_what_walking_token_by_token_gives(
    lengths: list[int], options: GptOptions
) -> None:
    index = gpt_index(np.array(lengths, dtype=np.int32), options)
    expected = restated(lengths, options)
    assert {name: array.tolist() for name, array in vars(index).items()} == expected


WEIGHTS = st.lists(st.integers(1, 9) | st.floats(0.01, 1e6), min_size=1, max_size=5)


@settings(deadline=None)
@given(WEIGHTS, st.integers(1, 300))
@example([8, 7, 6], 2000)
def test_a_blend_normalizes_weights_twice_as_upstream_does(
    weights: list[float], samples: int
) -> None:
    blended = blend_index(weights, samples)
    sets, numbers = restated_blend(weights, samples)
    assert blended.datasets.tolist() == sets
    assert blended.samples.tolist() == numbers


def test_weights_normalized_once_would_be_blended_otherwise() -> None:
    once, _ = blend(np.array(normalize([8, 7, 6])), 2000)
    found = blend_index([8, 7, 6], 2000).datasets[:2000]
    assert int(np.flatnonzero(found != once)[0]) == 21


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 200))
def test_a_blend_takes_from_each_data_set_its_share_in_order(
    weights: list[int], samples: int
) -> None:
    blended = blend_index(weights, samples)
    drawn = len(blended.datasets)
    assert drawn == sum(blended.requests) >= samples
    for number, weight in enumerate(weights):
        own = blended.samples[blended.datasets == number]
        assert own.tolist() == list(range(len(own)))
        # With few samples rounding up asks for more than the share, and the blend then draws more.
        assert blended.requests[number] * sum(weights) >= weight * samples
        assert abs(len(own) - weight * drawn / sum(weights)) < max(len(weights) - 1, 1)


@pytest.mark.parametrize(
    ("split", "sequences", "bounds"),
    [
        ("1", 7, [(0, 7)]),
        ("900,50,50", 20, [(0, 18), (18, 19), (19, 20)]),
        ("1,0,1", 5, [(0, 2), (2, 2), (2, 5)]),  # 2.5 is rounded to even, as there
        ("969, 30, 1", 0, [(0, 0), (0, 0), (0, 0)]),
        (
            "0.18,0.52,0.22",
            2461,
            [(0, 482), (482, 1873), (1873, 2461)],
        ),  # an exact sum of the shares gives other bounds
    ],
)
def test_a_split_is_upstreams(split: str, sequences: int, bounds: list[tuple[int, int]]) -> None:
    assert [(r.start, r.stop) for r in split_ranges(split, sequences)] == bounds


@pytest.mark.parametrize("split", ["", "a", "0,0", "-1,2", "nan", "inf,1"])
def test_a_split_that_is_none_is_refused(split: str) -> None:
    with pytest.raises(UsageError, match="split"):
        split_ranges(split, 10)


def test_what_makes_no_index_is_refused() -> None:
    lengths = np.array([3, 0], dtype=np.int32)
    with pytest.raises(UsageError, match="have no tokens"):
        gpt_index(lengths, GptOptions(1, 4, 0), sequences=range(1, 2))
    for options in (GptOptions(0, 4, 0), GptOptions(1, 0, 0)):
        with pytest.raises(UsageError):
            gpt_index(lengths, options)
    for weights in ([], [0.0], [-1.0, 2.0], [float("nan")]):
        with pytest.raises(UsageError, match="weights"):
            blend_index(weights, 3)


LONG = np.arange(1, 60, dtype=np.int32)
BASE = GptOptions(40, 16, 1234)


def same(one: GptIndex, other: GptIndex) -> bool:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def only_entry(cache: Path) -> Path:
    (entry,) = cache.iterdir()
    return entry


def test_a_kept_index_is_the_built_one_and_is_written_once(tmp_path: Path) -> None:
    first = gpt_index(LONG, BASE, cache=tmp_path / "c")
    entry = only_entry(tmp_path / "c")
    before = entry.stat()
    again = gpt_index(LONG, BASE, cache=tmp_path / "c")
    assert same(first, again)
    assert same(again, gpt_index(LONG, BASE))
    assert only_entry(tmp_path / "c").stat() == before or entry.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    "change",
    [
        {"options": GptOptions(41, 16, 1234)},
        {"options": GptOptions(40, 17, 1234)},
        {"options": GptOptions(40, 16, 1235)},
        {"options": GptOptions(40, 16, 1234, shuffle_sequences=True)},
        {"sequences": range(58)},
        {"sequences": range(1, 59)},
        {"lengths": LONG[::-1]},
        {"lengths": LONG + np.int32(1)},
    ],
)
def test_data_that_was_rebuilt_and_every_option_make_an_entry_of_their_own(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    gpt_index(LONG, BASE, cache=tmp_path)
    arguments = {"lengths": LONG, "options": BASE, "sequences": None, **change}
    kept = gpt_index(**arguments, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert same(kept, gpt_index(**arguments))


def test_an_entry_with_any_flipped_bit_or_cut_anywhere_is_built_anew(tmp_path: Path) -> None:
    small, options = np.array([3], dtype=np.int32), GptOptions(1, 2, 0)
    wanted = gpt_index(small, options, cache=tmp_path)
    entry = only_entry(tmp_path)
    good = entry.read_bytes()
    flipped = (good[: n // 8] + bytes([good[n // 8] ^ 1 << n % 8]) + good[n // 8 + 1 :]
               for n in range(8 * len(good)))  # fmt: skip
    cut = (good[:size] for size in range(len(good)))
    for bad in (*flipped, *cut, good + b"0"):
        assert read_entry(tmp_path, bad) is None
    for bad in (good[:-1], good[:40] + b"?" + good[41:], b""):
        entry.unlink()
        entry.write_bytes(bad)
        assert same(gpt_index(small, options, cache=tmp_path), wanted)
        assert entry.read_bytes() == good, "it was put right"


def read_entry(folder: Path, data: bytes) -> object:
    return parse_entry(data, only_entry(folder).stem)


def test_an_entry_under_another_key_is_not_taken(tmp_path: Path) -> None:
    gpt_index(LONG, BASE, cache=tmp_path)
    entry = only_entry(tmp_path)
    other = GptOptions(40, 16, 99)
    expected = gpt_index(LONG, other, cache=tmp_path)
    (second,) = set(tmp_path.iterdir()) - {entry}
    entry.replace(second)
    assert same(gpt_index(LONG, other, cache=tmp_path), expected)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert same(gpt_index(LONG, BASE, cache=tmp_path / "file"), gpt_index(LONG, BASE))

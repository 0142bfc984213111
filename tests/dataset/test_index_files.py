"""``yue index``: upstream's arrays under upstream's names."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.dataset.conftest import song_document, write_documents
from tests.dataset.upstream import normalize, restated, restated_blend, restated_requests
from yue.cli import main
from yue.dataset.gpt_index import GptOptions, split_ranges
from yue.dataset.token_files import TokenFiles

SONGS = [(5, [(3, 30), (2, 55)]), (9, [(4, 21)]), (4, [(1, 60), (1, 10), (1, 33)])]


def identifiers(prefix: Path, samples: int, context: int, **changes: Any) -> dict[str, Any]:
    """As ``MegatronDataset.unique_identifiers`` of YuE v1."""
    return {
        "class": "GPTDataset",
        "path_prefix": str(prefix),
        "num_samples": samples,
        "index_split": "train",
        "split": None,
        "random_seed": 1234,
        "sequence_length": context,
        "add_bos": False,
        **changes,
    }


def read_cache(folder: Path, wanted: dict[str, Any], *names: str) -> dict[str, npt.NDArray[Any]]:
    """Take the arrays from a cache as upstream does: by the MD5 of what it would describe."""
    text = json.dumps(wanted, indent=4)
    base = f"{hashlib.md5(text.encode()).hexdigest()}-{wanted['class']}"
    assert (folder / f"{base}-description.txt").read_text() == text
    return {name: np.load(folder / f"{base}-{name}.npy", mmap_mode="r") for name in names}


def read_index(folder: Path, wanted: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    return read_cache(folder, wanted, "document_index", "sample_index", "shuffle_index")


def prefix_of(folder: Path, name: str, repeats: int = 1) -> Path:
    write_documents(
        folder / name, [song_document(song, n) for n, song in enumerate(SONGS * repeats)]
    )
    return folder / name


def index(*words: object) -> int:
    return main(["index", *map(str, words)])


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_arrays_of_a_data_set(tmp_path: Path, shuffle: bool) -> None:
    prefix = prefix_of(tmp_path, "a")
    more = ["--enable-shuffle"] if shuffle else []
    cache = tmp_path / "cache"
    assert index(prefix, "--samples", 30, "--seq-length", 32, "--output-dir", cache, *more) == 0
    found = read_index(cache, identifiers(prefix, 30, 32))
    lengths = TokenFiles.open(prefix).lengths.tolist()
    expected = restated(lengths, GptOptions(30, 32, 1234, shuffle))
    assert found["document_index"].tolist() == expected["documents"]
    assert found["sample_index"].tolist() == expected["samples"]
    assert found["shuffle_index"].tolist() == expected["shuffle"]
    assert [array.dtype for array in found.values()] == [np.int32, np.int32, np.uint32]


def test_the_bytes_are_those_of_numpys_save(tmp_path: Path) -> None:
    prefix = prefix_of(tmp_path, "a")
    index(prefix, "--samples", 9, "--context-length", 40, "--output-dir", tmp_path / "cache")
    for path in (tmp_path / "cache").glob("*.npy"):
        saved = io.BytesIO()
        np.save(saved, np.load(path))
        assert path.read_bytes() == saved.getvalue()


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_upstreams_own_arrays_of_a_split(golden: Path, tmp_path: Path, part: str) -> None:
    prefix = golden / "expected" / "dummy_cot" / "text_document"
    samples = 200 if part == "train" else 8
    words = ["--samples", samples, "--context-length", 512, "--split", "900,50,50", "--part", part]
    assert index(prefix, *words, "--output-dir", tmp_path) == 0
    wanted = identifiers(prefix, samples, 512, index_split=part, split="900,50,50")
    found = read_index(tmp_path, wanted)
    folder = golden / "expected" / "index" / "single_900_50_50"
    with np.load(folder / f"cot_{part}.npz") as expected:
        for name, array in found.items():
            assert array.dtype == expected[name].dtype
            assert np.array_equal(array, expected[name])


def test_the_arrays_of_a_blend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefixes = [prefix_of(tmp_path, name, n) for n, name in enumerate("abc", 1)]
    words = [word for pair in zip((8, 7, 6), prefixes, strict=True) for word in pair]
    cache = tmp_path / "cache"
    assert index(*words, "--samples", 50, "--context-length", 32, "--output-dir", cache,
                 "--split", "2,1,0") == 0  # fmt: skip
    datasets = []
    for prefix, request in zip(prefixes, restated_requests([8, 7, 6], 50), strict=True):
        datasets.append(identifiers(prefix, request, 32, split="2,1,0"))
        lengths = TokenFiles.open(prefix).lengths
        own = lengths[: split_ranges("2,1,0", len(lengths))[0].stop].tolist()
        expected = restated(own, GptOptions(request, 32, 1234))
        assert read_index(cache, datasets[-1])["sample_index"].tolist() == expected["samples"]
    sets, numbers = restated_blend([8, 7, 6], 50)
    weights = normalize(normalize([8, 7, 6]))
    wanted = {"class": "BlendedDataset", "datasets": datasets, "weights": weights,
              "size": len(sets)}  # fmt: skip
    found = read_cache(cache, wanted, "dataset_index", "dataset_sample_index")
    assert found["dataset_index"].tolist() == sets
    assert found["dataset_sample_index"].tolist() == numbers
    assert [array.dtype for array in found.values()] == [np.int16, np.int64]
    out = capsys.readouterr().out
    assert f"the blend, {len(sets)} samples" in out
    assert "--data-cache-path" in out


def test_data_that_was_rebuilt_replaces_the_arrays_of_its_name(tmp_path: Path) -> None:
    words = ["--samples", 9, "--context-length", 40, "--output-dir", tmp_path / "cache"]
    index(prefix_of(tmp_path, "a"), *words)
    index(prefix_of(tmp_path, "a", 2), *words)
    assert len(list((tmp_path / "cache").iterdir())) == 4
    found = read_index(tmp_path / "cache", identifiers(tmp_path / "a", 9, 40))
    assert len(found["document_index"]) == len(TokenFiles.open(tmp_path / "a").lengths)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "c"], "data path 'a b c'"),
        (["x", "a"], "weights and prefixes in turn"),
        (["a", "--split", "1,1", "--part", "test"], "no share for 'test'"),
        (["a", "--split", "1,0,1", "--part", "valid"], "have no tokens"),
        (["none"], "none.idx"),
        (["1", "a", "1", "none"], "none.idx"),
        (["a", "--samples", "99999999999999"], "ask for fewer samples"),
    ],
)
def test_what_cannot_be_indexed_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    prefix_of(tmp_path, "a")
    assert index("--samples", 3, "--output-dir", "cache", *words) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_writing_indices_loads_no_torch(tmp_path: Path) -> None:
    words = ["index", str(prefix_of(tmp_path, "a")), "--samples", "3", "--output-dir"]
    code = (
        "import sys\nfrom yue.cli import main\n"
        f"failed = main({[*words, str(tmp_path / 'cache')]!r})\n"
        "sys.exit(failed or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

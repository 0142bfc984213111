"""What samples are like: each number against its definition, on codes that Hypothesis draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.errors import YueError
from yue.evaluation.code_statistics import Codes, divergence, entropy, grams, repeats
from yue.evaluation.copied_passages import longest_match
from yue.evaluation.eval_metrics import interval
from yue.evaluation.measure_samples import measure_samples
from yue.evaluation.sample_metrics import SampleMetrics, write_sample_metrics
from yue.generation.sample_records import Sample, SampleSection, track_statistics

RATE, FRAMES = 16_000, 50

few_codes = st.lists(st.integers(0, 2), max_size=30).map(lambda x: np.array(x, dtype=np.int64))
some_songs = st.lists(few_codes, min_size=1, max_size=4)


def is_in(part: Codes, whole: Codes) -> bool:
    runs = (whole[n : n + part.size] for n in range(whole.size - part.size + 1))
    return any(np.array_equal(part, run) for run in runs)


@settings(max_examples=50)
@given(some_songs, some_songs)
def test_the_longest_match_is_the_one_that_a_search_of_all_passages_finds(
    samples: list[Codes], training: list[Codes]
) -> None:
    passages = (s[a:b] for s in samples for a in range(s.size) for b in range(a + 1, s.size + 1))
    expected = max((p.size for p in passages if any(is_in(p, s) for s in training)), default=0)
    assert longest_match(samples, training) == expected


def test_a_copied_passage_is_found_in_much_music_at_once() -> None:
    rng = np.random.default_rng(0)
    training = [rng.integers(0, 1024, 20_000) for _ in range(20)]
    sample = rng.integers(0, 1024, 5_000)
    sample[1_000:1_777] = training[13][5_000:5_777]
    assert 777 <= longest_match([sample], training) <= 779


@settings(max_examples=50)
@given(few_codes.filter(len), few_codes.filter(len))
def test_divergence_is_0_for_the_same_shares_and_1_for_none_in_common(a: Codes, b: Codes) -> None:
    first, second = grams([a], 1), grams([b], 1)
    found = divergence(first, second)
    assert found is not None
    assert 0 <= found <= 1
    assert found == pytest.approx(divergence(second, first))
    assert divergence(first, np.tile(first, 3)) == pytest.approx(0, abs=1e-12)
    assert divergence(first, second + 100) == pytest.approx(1)


@settings(max_examples=50)
@given(some_songs, st.integers(1, 3))
def test_grams_never_reach_over_the_end_of_a_song(songs: list[Codes], length: int) -> None:
    expected = [tuple(s[n : n + length]) for s in songs for n in range(s.size - length + 1)]
    found = grams(songs, length)
    assert len(found) == len(expected)
    assert len(set(found.tolist())) == len(set(expected))
    counts = np.unique(expected, axis=0, return_counts=True)[1] if expected else np.ones(1)
    share = counts / counts.sum()
    assert entropy(found) == pytest.approx(-(share * np.log2(share)).sum())


def test_a_loop_repeats_itself_and_a_song_without_one_does_not() -> None:
    loop, plain, short = np.tile(np.arange(10), 5), np.arange(50), np.arange(3)
    assert repeats([loop, short], 5).tolist() == [[36, 46]]
    assert repeats([plain, plain], 5).tolist() == [[0, 46]] * 2  # another song may say the same
    assert repeats([short], 5).shape == (0, 2)


def write_sample(
    folder: Path, model: str, codes: Codes, level: float, song: str = "song 0"
) -> Sample:
    time = np.arange(codes.size * RATE // FRAMES)
    tone = (level * np.sin(time / 9)).astype(np.float32)
    tracks = {"vocal": tone, "instrumental": tone / 2, "mix": 1.5 * tone}
    name = f"{song}.{model}"
    files = {track: f"{name}.{track}.wav" for track in tracks}
    for track, file in files.items():
        soundfile.write(folder / file, tracks[track], RATE)
    coded = None if model == "original" else f"{name}.npz"
    if coded:
        np.savez(folder / coded, vocal=codes[None], instrumental=codes[None])
    return Sample(
        name, model, song, "valid", "", "", 0, time.size / RATE, RATE, files, coded,
        (SampleSection("", codes.size / FRAMES, None),),
        {t: track_statistics(a, RATE, None, FRAMES) for t, a in tracks.items()},
    )  # fmt: skip


@pytest.fixture
def measured(tmp_path: Path, token_folder: Path) -> SampleMetrics:
    codes = np.arange(200) % 100
    samples = [
        write_sample(tmp_path, "original", codes, 0.5),
        write_sample(tmp_path, "roundtrip", codes, 0.45),
        write_sample(tmp_path, "base", codes // 50, 0.05),
        write_sample(tmp_path, "tuned", codes // 2, 0.4),
    ]
    return measure_samples(samples, tmp_path, token_folder)


def test_each_model_is_measured_beside_the_recordings(
    measured: SampleMetrics, tmp_path: Path
) -> None:
    assert (measured.songs, measured.reference, measured.reference_songs) == (1, "valid", 3)
    tuned, base = measured.models["tuned"]["vocal"], measured.models["base"]["vocal"]
    assert tuned.entropy == pytest.approx(np.log2(50))
    assert base.repeated_share is not None
    assert base.repeated_share > 0.3
    assert tuned.loudness - base.loudness == pytest.approx(20 * np.log10(8), abs=0.1)
    assert measured.models["original"]["vocal"].entropy is None
    assert measured.models["roundtrip"]["vocal"].mel_distance < 0.1
    assert {c.closer for c in measured.comparisons() if c.name in ("loudness", "entropy")} == {
        "tuned"
    }
    write_sample_metrics(tmp_path / "samples.json", measured)
    written = json.loads((tmp_path / "samples.json").read_text())
    assert sum(written["closer"].values()) == len(measured.comparisons())
    assert "entropy" not in written["original"]["vocal"]
    assert "intervals" not in written["tuned"]["vocal"]  # of one song


def test_means_over_songs_have_the_interval_of_their_bootstrap(
    tmp_path: Path, token_folder: Path
) -> None:
    loop = np.arange(100) % 40
    samples = [
        write_sample(tmp_path, "tuned", codes, level, song)
        for song, codes, level in (("a", loop, 0.1), ("b", np.arange(300), 0.4), ("c", loop, 0.2))
    ]
    measured = measure_samples(samples, tmp_path, token_folder)
    found = measured.models["tuned"]["vocal"]
    counts = repeats([loop, np.arange(300), loop], 25)
    assert found.repeated_share == pytest.approx(counts[:, 0].sum() / counts[:, 1].sum())
    assert found.intervals["repeated_share"] == interval(*counts.T)
    low, high = found.intervals["loudness"]
    assert low < found.loudness < high
    assert high - low == pytest.approx(20 * np.log10(4), abs=0.1)
    assert "entropy" not in found.intervals
    write_sample_metrics(tmp_path / "samples.json", measured)
    written = json.loads((tmp_path / "samples.json").read_text())["tuned"]["vocal"]
    assert written["intervals"]["loudness"] == pytest.approx([low, high], abs=1e-6)


def test_a_damaged_file_of_codes_is_named(tmp_path: Path, token_folder: Path) -> None:
    sample = write_sample(tmp_path, "tuned", np.arange(60), 0.1)
    (tmp_path / "song 0.tuned.npz").write_bytes(b"no codes")
    with pytest.raises(YueError, match=r"tuned\.npz: cannot be read"):
        measure_samples([sample], tmp_path, token_folder)


def test_without_recordings_and_base_there_is_nothing_to_compare_with(
    tmp_path: Path, token_folder: Path
) -> None:
    measured = measure_samples(
        [write_sample(tmp_path, "tuned", np.arange(60), 0.1)], tmp_path, token_folder
    )
    assert measured.comparisons() == []
    tuned = measured.models["tuned"]["vocal"]
    assert tuned.divergence is not None
    assert tuned.spectrum_distance is None
    assert tuned.match_seconds == 0  # there is no training split

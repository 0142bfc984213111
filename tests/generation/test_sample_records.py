"""``samples.json``."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.errors import YueError
from yue.files import write_json
from yue.generation.sample_records import (
    Sample,
    SampleSection,
    TrackStatistics,
    read_samples,
    write_samples,
)


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    sample = Sample(
        name="a.tuned",
        model="tuned",
        song_id="a",
        split="valid",
        genres="folk",
        lyrics="[verse]\nlä\n\n",
        seed=0,
        seconds=1.5,
        sample_rate=16_000,
        files={"mix": "a.tuned.mix.wav"},
        codes=None,
        sections=(SampleSection("[verse]\nlä\n\n", 1.5, True),),
        statistics={"mix": TrackStatistics(1.5, 0.5, None, 1.0, None, 0.1)},
    )
    write_samples(tmp_path, [sample])
    assert read_samples(tmp_path) == [sample]


@pytest.mark.parametrize("value", [{"samples": []}, [{"name": "a"}], [1]])
def test_other_json_is_no_list_of_samples(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "samples.json", value)
    with pytest.raises(YueError, match=r"samples\.json: not a list of samples"):
        read_samples(tmp_path)

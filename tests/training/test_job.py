"""The job file, and how errors come back."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from yue.errors import TrainingError, YueError
from yue.paths import Paths
from yue.recipe.read import read_recipe
from yue.training.job import Job, JobFolder, job_of_project, read_job, write_job


def test_a_job_is_read_as_it_was_written(job: Job, tmp_path: Path) -> None:
    write_job(JobFolder(tmp_path), job)
    assert read_job(JobFolder(tmp_path)) == job


@pytest.mark.parametrize("path", sorted(Path("recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_job_carries_the_whole_recipe(path: Path, tmp_path: Path) -> None:
    job = job_of_project(read_recipe(path), Paths(tmp_path))
    job = job.planned(device="cpu", fingerprint="0" * 64)
    write_job(JobFolder(tmp_path), job)
    assert read_job(JobFolder(tmp_path)) == job
    assert dataclasses.replace(job.recipe, mix=None, runtime=None) == dataclasses.replace(
        read_recipe(path), mix=None, runtime=None
    )


def test_a_job_of_other_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"model": {}}')
    with pytest.raises(TrainingError, match="not a job"):
        read_job(JobFolder(tmp_path))


def test_a_missing_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YueError, match="no such file"):
        read_job(JobFolder(tmp_path))


def test_a_known_error_counts_more_than_the_faults_that_it_caused(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    names = [
        folder.error(2, known=False),
        folder.error(1, known=True),
        folder.error(0, known=False),
    ]
    for place, path in enumerate(names):
        path.write_text("{}")
        os.utime(path, ns=(place, place))
    assert folder.errors() == [names[1], names[0], names[2]]

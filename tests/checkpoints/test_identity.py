"""What a run is: the same name for the same run, from one version of this code to the next."""

from __future__ import annotations

import pytest

from yue.training.job import Job
from yue.training.plan import identity_of

# What this run was called when a job was five dataclasses (commit e094a09).
# A new key of mix, model, lora or train changes it; nothing else may, or checkpoints are lost.
KNOWN = "b4ae5cb74dae2d58183d9d85d0fbfbc13c2aa83dd4285db11c95d17121b1a31e"


def test_an_existing_checkpoint_stays_the_same_run(
    setup: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.training.plan.data_digest", lambda splits: "d" * 64)
    monkeypatch.setattr("yue.training.plan.base_digest", lambda base, cache: "b" * 64)
    monkeypatch.setattr(
        "yue.checkpoints.identity._own_code", lambda programs: {"yue/training/loop.py": "c" * 16}
    )
    monkeypatch.setattr(
        "yue.checkpoints.identity._library_versions", lambda sections: {"torch": "2.11"}
    )
    assert identity_of(setup)[0].fingerprint == KNOWN

"""The digest of a base model, remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.lm.base import base_digest


def test_weights_that_have_not_changed_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, memory = tmp_path / "base", tmp_path / "store"
    base.mkdir()
    (base / "config.json").write_text("{}")
    weights = base / "model.safetensors"
    weights.write_bytes(b"old")
    monkeypatch.setattr("yue.digests._FRESH", -(10**18))  # as if written long ago
    old = base_digest(base)
    assert base_digest(base, memory) == old
    with monkeypatch.context() as patch:
        patch.setattr("yue.digests.file_digest", None)
        assert base_digest(base, memory) == old
    weights.write_bytes(b"newer")
    assert base_digest(base, memory) == base_digest(base) != old

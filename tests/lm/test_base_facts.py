"""What a base model's folder says of it, and its digest, remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.errors import YueError
from yue.lm.base_facts import base_digest, read_base, read_shape


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


def test_a_model_of_another_kind_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(YueError, match=r"(?s)model type 'gpt2'.*fix: .*--model"):
        read_base(tmp_path)


def test_a_config_without_a_size_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "vocab_size": 9}')
    with pytest.raises(YueError, match="lacks or garbles 'hidden_size'"):
        read_shape(tmp_path)

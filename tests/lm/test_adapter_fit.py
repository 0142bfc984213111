"""An adapter is held to its base model before the weights of either are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from transformers import LlamaForCausalLM

from tests.generation.conftest import save_adapter, save_base
from yue.errors import GenerationError
from yue.files import write_json
from yue.lm.adapter_fit import check_fit
from yue.lm.base_facts import base_digest


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), rows=64)


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def adapter(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "adapter"))


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, base: Path, made: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("weights were read")

    monkeypatch.setattr(LlamaForCausalLM, "from_pretrained", refuse)


def test_an_adapter_fits_the_model_it_was_made_for(adapter: Path, base: Path) -> None:
    check_fit(adapter, base)
    write_json(adapter / "run.json", {"base_digest": base_digest(base)})
    check_fit(adapter, base)


def test_the_second_time_the_base_model_is_not_read(
    adapter: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.digests._FRESH", -(10**18))  # as if written long ago
    write_json(adapter / "run.json", {"base_digest": base_digest(base)})
    monkeypatch.setattr("yue.lm.base_facts.file_digest", None)
    check_fit(adapter, base, tmp_path / "store")
    monkeypatch.setattr("yue.digests.file_digest", None)
    check_fit(adapter, base, tmp_path / "store")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"layers": 3}, "layers.2.* is absent in the adapter"),
        ({"hidden": 64}, "4 x 64 in the adapter, 4 x 128"),
    ],
)
def test_another_architecture_is_refused(
    adapter: Path, tmp_path: Path, shape: dict[str, int], words: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    model = {"layers": 2, "hidden": 32} | shape
    write_json(
        other / "config.json",
        {
            "model_type": "llama",
            "vocab_size": 64,
            "hidden_size": model["hidden"],
            "intermediate_size": 2 * model["hidden"],
            "num_hidden_layers": model["layers"],
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
        },
    )
    with pytest.raises(GenerationError, match=rf"(?s)does not fit the base model.*{words}"):
        check_fit(adapter, other)


def test_other_weights_of_the_same_shape_are_refused(adapter: Path, base: Path) -> None:
    write_json(adapter / "run.json", {"base_digest": "0" * 64})
    with pytest.raises(GenerationError, match=r"(?s)does not fit.*trained on other weights"):
        check_fit(adapter, base)


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 16])
def test_damaged_weights_are_refused(adapter: Path, base: Path, data: bytes) -> None:
    (adapter / "adapter_model.safetensors").write_bytes(data)
    with pytest.raises(GenerationError, match="not a safetensors file"):
        check_fit(adapter, base)

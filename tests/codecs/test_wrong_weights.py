"""Weights that have the right names and shapes, and are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.codecs import tiny
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import load_codec
from yue.errors import CodecError

State = dict[str, Tensor]


def spoil(state: State, name: str) -> None:
    state[name].view(-1)[-1] = float("nan")


def quantise(state: State, name: str) -> None:
    state[name] = (100 * state[name]).to(torch.int8)


@pytest.mark.parametrize(
    ("change", "message"),
    [(spoil, "conv1.bias has values that are not finite"), (quantise, r"conv1.bias is .*8, not")],
)
def test_weights_that_are_no_numbers_are_refused_in_either_layout(
    tmp_path: Path, change: Callable[[State, str], None], message: str
) -> None:
    descript = tiny.save_descript(
        tmp_path / "descript", "dac16k", lambda state: change(state, "encoder.block.0.bias")
    )
    with pytest.raises(CodecError, match=message):
        load_codec("dac16k", descript)
    hub = tiny.save_dac(tmp_path / "hub", "dac16k")
    state = load_file(hub / "model.safetensors")
    change(state, "encoder.conv1.bias")
    save_file(state, hub / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CodecError, match=message):
        load_codec("dac16k", hub)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update({"codebook.8": state["codebook.0"].clone()}),
        lambda state: state.update({"codebook.0": state["codebook.0"].float()}),
        lambda state: state.pop("codebook.3"),
    ],
)
def test_codebooks_too_many_too_few_or_of_another_kind_are_refused(
    tmp_path: Path, melrvq: MelRvq, change: Callable[[State], object]
) -> None:
    melrvq.save(tmp_path / "codec")
    file = tmp_path / "codec" / "codebooks.safetensors"
    state = load_file(file)
    change(state)
    save_file(state, file)
    with pytest.raises(CodecError, match="other tensors than 8 codebooks of int16"):
        load_codec("melrvq", tmp_path / "codec")


def test_large_weights_in_half_precision_are_not_taken_for_infinite(tmp_path: Path) -> None:
    model = tiny.dac_model("dac16k")
    model.quantizer.quantizers[0].codebook.weight.data.fill_(100)  # which add up to over 65504
    model.half().save_pretrained(tmp_path)
    assert load_codec("dac16k", tmp_path).dtype == "float32"

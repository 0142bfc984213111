"""Arithmetic, memory and what follows from them: recomputation, compiling, estimates."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from yue.commands import estimate as command
from yue.costs.estimate import find_gpu, spec_tflops, step_cost
from yue.costs.memory import Setting, training_memory
from yue.costs.speed import Machine, Meter, matmul_tflops
from yue.errors import UsageError
from yue.lm.base_facts import released_shape
from yue.recipe.read import default_recipe
from yue.training.engine import fitting_mode, should_compile

S1 = released_shape("YuE-s1-7B-anneal-en-cot")
LORA = dataclasses.replace(default_recipe().lora, r=64)
QKVO = dataclasses.replace(LORA, target_modules=("q_proj", "k_proj", "v_proj", "o_proj"))


def test_the_model_and_its_adapters_have_the_published_sizes() -> None:
    assert S1.weights == 6_224_613_376
    assert step_cost(S1, LORA).adapter == 145_227_776
    assert step_cost(S1, QKVO).adapter == 52_428_800


def test_a_token_costs_30_84_gigaflop_in_full_rows_and_less_in_short_pieces() -> None:
    cost = step_cost(S1, LORA)
    assert cost.of((0, 8192), 8192) / 8192 == pytest.approx(30.84e9, rel=1e-3)
    assert step_cost(S1, QKVO).of((0, 8192), 8192) / 8192 == pytest.approx(30.28e9, rel=1e-3)
    halves = cost.of((0, 4096, 8192), 8192)
    attention = 3 * 2 * 8192**2 * 32 * 4096
    assert cost.of((0, 8192), 8192) - halves == pytest.approx(attention / 2)
    assert halves - cost.of((0, 4096, 8192), 0) == 4 * 8192 * S1.head_weights


def test_auto_recomputes_as_little_as_fits() -> None:
    setting = Setting(S1, LORA, "bfloat16", 8192, "none")
    modes = [fitting_mode(setting, g * 2**30, cuda=True) for g in (139, 79, 48, 24, 8)]
    assert modes == ["none", "none", "selective", "full", "full"]


def test_sharding_offloading_and_four_bits_take_less() -> None:
    setting = Setting(S1, LORA, "bfloat16", 8192, "full", zero_stage=1)
    one = training_memory(setting, cuda=True)
    eight = dataclasses.replace(setting, processes=8, zero_stage=3)
    small = dataclasses.replace(setting, lora=dataclasses.replace(LORA, qlora=True))
    assert training_memory(eight, cuda=True).weights == one.weights // 8
    assert training_memory(eight, cuda=True).optimizer < one.optimizer
    assert training_memory(small, cuda=True).weights < 0.4 * one.weights


@pytest.mark.parametrize("offload", ["optimizer", "all"])
def test_of_an_offloaded_optimizer_only_gradients_are_on_the_device(offload: str) -> None:
    setting = Setting(S1, LORA, "bfloat16", 8192, "full", zero_stage=2)
    here = training_memory(setting, cuda=True)
    away = training_memory(dataclasses.replace(setting, offload=offload), cuda=True)
    # 4 bytes of a master, 8 of two moments, 4 + 2 of gradients; then 2 of gradients.
    assert here.optimizer == 18 * 145_227_776
    assert away.optimizer == 2 * 145_227_776
    assert here.peak - away.peak == 16 * 145_227_776


@pytest.mark.parametrize(
    ("wanted", "device", "stage", "expected"),
    [
        ("auto", "cpu", 2, False),
        ("auto", "cuda", 2, True),
        ("auto", "cuda", 3, False),
        ("always", "cpu", 0, True),
        ("never", "cuda", 0, False),
    ],
)
def test_compiling_is_for_gpus_unless_asked_for(
    wanted: str, device: str, stage: int, expected: bool
) -> None:
    assert should_compile(wanted, device=device, zero_stage=stage) == expected


def test_gpus_are_known_by_their_own_and_their_drivers_names() -> None:
    assert find_gpu("rtx 4090").tflops == 165
    assert spec_tflops("NVIDIA H100 80GB HBM3") == 989
    assert spec_tflops("NVIDIA H100 PCIe") == 756
    assert spec_tflops("NVIDIA L40S") == 362
    assert spec_tflops("NVIDIA A100-SXM4-80GB") == 312
    assert spec_tflops("Some GPU") is None
    with pytest.raises(UsageError, match="no GPU 'abacus' is known"):
        find_gpu("abacus")


def test_the_first_step_does_not_count_once_there_are_others() -> None:
    meter = Meter(Machine(spec=1.0, probe=0.5), step_cost(S1, LORA), processes=2)
    meter.add(60.0, 100, 50, 1e12)
    assert meter.throughput.tokens == pytest.approx(100 / 60)
    for _ in range(2):
        meter.add(2.0, 100, 50, 1e12)
    found = meter.throughput
    assert (found.tokens, found.useful_tokens, found.tflops) == (50.0, 25.0, 0.25)
    assert (found.mfu, found.mfu_probe) == (0.25, 0.5)
    assert meter.step_seconds == 2.0


def test_products_are_measured() -> None:
    assert matmul_tflops(torch.device("cpu"), torch.float32, size=64, limit=0.01) > 1e-5


def test_estimate_answers_without_weights_and_says_that_nothing_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "yue-s1-lora.yaml"
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    command.VERBS["estimate"].add_arguments(parser)
    words = [str(recipe), "--gpu", "H100", "--tokens", "1000000"]
    command.run(parser.parse_args([*words, "--json"]))
    value = json.loads(capsys.readouterr().out)
    assert value["measured"] is False
    assert value["fits"]
    assert value["tokens"] == 3_000_000
    parts = {name: size for name, size in value["memory"].items() if name != "peak"}
    assert sum(parts.values()) == value["memory"]["peak"]
    command.run(parser.parse_args(words))
    out = capsys.readouterr().out
    assert "Nothing of this was measured on a GPU" in out
    (alone,) = re.findall(r"minutes: ([\d.]+) on one GPU for 3,000,000 tokens", out)
    text = recipe.read_text().replace("  batch_size: 2 ", "  batch_size: 8 ")
    (tmp_path / "mine.yaml").write_text(f"{text}\nlaunch:\n  processes: 8\n")
    command.run(parser.parse_args(["mine.yaml", *words[1:]]))
    (eight,) = re.findall(r"minutes: ([\d.]+) on 8 GPUs, if they", capsys.readouterr().out)
    assert float(eight) == pytest.approx(float(alone) / 8, abs=0.06)
    command.run(parser.parse_args(words[:-2]))
    told = "the tokens of an epoch; a minute of music is about 6,000, two tracks of one codebook)"
    assert told in capsys.readouterr().out


def test_estimate_says_what_the_tokens_were_counted_in_and_when_another_recipe_made_them(
    tokens_path: Path,
    base_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    shutil.copytree(tokens_path, tmp_path / "work/tokens")
    card = tmp_path / "work/tokens/train.json"
    info = json.loads(card.read_text())
    info["options"]["codebooks"] = 1  # as the recipe's empty tokens.codebooks comes to
    card.write_text(json.dumps(info))
    (tmp_path / "demo/work").mkdir(parents=True)
    (tmp_path / "demo/work/base").symlink_to(base_path)
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    command.VERBS["estimate"].add_arguments(parser)
    for name, ending in (
        ("own-songs", "by work/tokens/train.idx\n"),
        (
            "yue-s1-icl",
            "work/tokens/train.idx, made with codec.name melrvq, not xcodec; tokens.layout",
        ),
    ):
        recipe = Path(__file__).parents[2] / "recipes" / f"{name}.yaml"
        command.run(parser.parse_args([str(recipe), "--gpu", "H100"]))
        out = capsys.readouterr().out
        assert ending in out, name
        assert "tokens.codebooks" not in out, "the codec's own number is the same"

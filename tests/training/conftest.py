"""Token files of made-up songs, and a tiny Llama that knows the whole vocabulary."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generation.conftest import save_tokenizer
from tests.llama import tiny_llama
from tests.training.jobs import vary
from yue.codec_facts import YUE_ROWS
from yue.paths import Paths
from yue.recipe.model import Model, Train
from yue.recipe.read import default_recipe
from yue.tokens.vocabulary import ROWS, codec_range
from yue.tokens.write_files import write_token_files
from yue.training.job import Job

CONTEXT = 256
DEFAULTS = default_recipe()


@pytest.fixture(scope="session")
def tokens_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token files: 8 songs to train on, 2 held out; every code follows from the one before."""
    root = tmp_path_factory.mktemp("tokens")
    tokenizer = save_tokenizer(root)
    for split, count in (("train", 8), ("valid", 2)):
        rows = [song(root, f"{split}{number}", number) for number in range(count)]
        (root / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        write_token_files(
            root / f"{split}.jsonl",
            root,
            tokenizer,
            codec_range("melrvq"),
            output_prefix=root / split,
        )
    return root


def song(root: Path, name: str, seed: int, *, frames: int = 60) -> dict[str, object]:
    start = np.random.default_rng(seed).integers(0, 64)
    for place, role in enumerate(("vocal", "instrumental")):
        codes = ((start + np.arange(frames)) * (3 + place)) % 64
        np.save(root / f"{name}.{role}.npy", codes[None].astype(np.int16))
    section = {"offset": 0.0, "duration": frames / 50, "codec_frame_start": 0,
               "codec_frame_end": frames, "line_content": "[verse]\nla la\n\n"}  # fmt: skip
    return {
        "id": name,
        "vocals_codec": f"{name}.vocal.npy",
        "instrumental_codec": f"{name}.instrumental.npy",
        "audio_length_in_sec": frames / 50,
        "genres": "pop",
        "splitted_lyrics": {"segmented_lyrics": [section]},
        "msa": [],
    }


def save_base(folder: Path, *, hidden: int = 32) -> Path:
    """A random Llama; as after pretraining, the rows of ids that it never met are all equal."""
    model = tiny_llama(rows=ROWS, hidden=hidden, context=CONTEXT, spread=0.1)
    with torch.no_grad():
        head = model.lm_head.weight
        head[400:YUE_ROWS] = head[400]
        head[YUE_ROWS + 64 :] = head[400]
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


def a_train(**changes: object) -> Train:
    train = dataclasses.replace(
        DEFAULTS.train,
        context_length=CONTEXT,
        batch_size=4,
        micro_batch_size=4,
        epochs=1.0,
        max_steps=6,
        lr=0.01,
        warmup_ratio=0.1,
        weight_decay=0.01,
        loss_on=("vocal", "instrumental"),
        gradient_checkpointing="none",
        compile="never",
        eval_steps=3,
        save_steps=2,
        logging_steps=2,
        keep="last",
    )
    return dataclasses.replace(train, **changes)


@pytest.fixture(name="a_train")
def a_train_fixture():
    return a_train


@pytest.fixture
def setup(base_path: Path, tokens_path: Path, tmp_path: Path) -> Job:
    """A job that is not planned yet."""
    recipe = dataclasses.replace(
        DEFAULTS,
        model=Model(path=str(base_path), dtype="float32"),
        lora=dataclasses.replace(DEFAULTS.lora, r=4, alpha=8, dropout=0.1),
        train=a_train(),
        launch=dataclasses.replace(DEFAULTS.launch, processes=1),
        runtime=dataclasses.replace(DEFAULTS.runtime, device="cpu"),
    )
    return Job(
        recipe=recipe,
        base=base_path,
        tokens=tokens_path,
        checkpoints=Paths(tmp_path).side_store / "checkpoints",
        scratch=tmp_path,
        watch=tmp_path / "watch",
    )


@pytest.fixture(scope="session")
def world():
    """This process alone, joined by DeepSpeed as a launched one would be."""
    from yue.training.engine import start_distributed
    from yue.training.hosts import _free_port

    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ.update(alone, MASTER_PORT=str(_free_port()), DS_ACCELERATOR="cpu")
    torch.set_num_threads(1)
    found = start_distributed("cpu")
    # DeepSpeed collects garbage with every engine: not of all that is imported, each time anew.
    for module in ("transformers", "peft", "deepspeed.runtime.engine", "yue.training.session"):
        importlib.import_module(module)
    gc.freeze()
    return found


@pytest.fixture
def job(setup: Job, tmp_path: Path) -> Job:
    """A job as workers read it."""
    return vary(
        setup,
        checkpoints=tmp_path / "checkpoints",
        curves=tmp_path / "curves",
        fingerprint="0" * 64,
        zero_stage=2,
        offload="none",
    )


@pytest.fixture(autouse=True)
def _own_linear() -> Iterator[None]:
    """ZeRO-3 puts a function of its own in place of torch's, for the rest of the process."""
    linear = torch.nn.functional.linear
    yield
    torch.nn.functional.linear = linear

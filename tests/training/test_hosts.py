"""Two hosts through every launcher, on this machine: the same result as one process alone."""

from __future__ import annotations

import base64
import copy
import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.training.jobs import vary
from tests.training.reference import LIGER, LOSSES, check_gradients, exact_of_all
from tests.training.test_loop import changed, go, weights
from yue.distributed import World
from yue.errors import TrainingError
from yue.recipe.model import Launch
from yue.recipe.read import default_recipe
from yue.training.hosts import Fleet, Host, _free_port, find_fleet, read_hostfile
from yue.training.job import Job, JobFolder, write_job
from yue.training.launch import environment, launcher_command

ROOT = Path(__file__).parents[2]
# `pdsh -S -f 1024 -w a,b COMMAND` and `srun --nodes=2 ... COMMAND` for hosts that are all this one.
PDSH = """import os, subprocess, sys
hosts = sys.argv[sys.argv.index('-w') + 1].split(',')
command = ' '.join(sys.argv[sys.argv.index('-w') + 2:])
commands = [command.replace('%n', str(n)) for n in range(len(hosts))]
started = [subprocess.Popen(['bash', '-c', one]) for one in commands]
sys.exit(max(p.wait() for p in started))
"""
SRUN = """import os, subprocess, sys
at = next(n for n, word in enumerate(sys.argv) if word == 'bash')
nodes = int(sys.argv[1].removeprefix('--nodes='))
places = [os.environ | {'SLURM_NODEID': str(n)} for n in range(nodes)]
started = [subprocess.Popen(sys.argv[at:], env=place) for place in places]
sys.exit(max(p.wait() for p in started))
"""


def launch(**changes: object) -> Launch:
    return dataclasses.replace(default_recipe().launch, **changes)


@pytest.fixture
def job(job: Job) -> Job:
    """Without dropout, which draws by process; with equally many rows for two."""
    train = dataclasses.replace(job.recipe.train, batch_size=8, micro_batch_size=1, max_steps=2)
    lora = dataclasses.replace(job.recipe.lora, dropout=0.0)
    return vary(job, lora=lora, train=train)


def fake_commands(folder: Path) -> Path:
    folder.mkdir()
    for name, text in (("pdsh", PDSH), ("srun", SRUN), ("ssh", "")):
        (folder / name).write_text(f"#!{sys.executable}\n{text}")
        (folder / name).chmod(0o755)
    return folder


def start(fleets: list[Fleet], program: list[str], folder: Path, **more: str) -> None:
    """Start each fleet's command, and wait until all are done."""
    started = []
    for fleet in fleets:
        own = folder / f"host-{fleet.here}"
        own.mkdir(parents=True)
        env = environment(fleet, "cpu") | {"OMP_NUM_THREADS": "1", **more}
        env["PATH"] = os.pathsep.join([str(folder.parent / "bin"), env["PATH"]])
        command = launcher_command(fleet, program, own)
        started.append(
            subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )  # fmt: skip
    for process in started:
        text = process.communicate(timeout=300)[0]
        assert process.returncode == 0, text


def fleets(launcher: str, monkeypatch: pytest.MonkeyPatch) -> list[Fleet]:
    """The fleet as each host that is started by hand sees it."""
    if launcher == "slurm":
        monkeypatch.setenv("SLURM_JOB_NUM_NODES", "2")
        monkeypatch.setenv("SLURMD_NODENAME", "localhost")
        return [find_fleet(launch(launcher="slurm"), 1, Path())]
    meet = launch(launcher=launcher, hosts=("localhost", "127.0.0.1"),
                  address=f"127.0.0.1:{_free_port()}")  # fmt: skip
    if launcher == "deepspeed":
        return [find_fleet(meet, 1, Path())]
    found = []
    for rank in (0, 1):
        monkeypatch.setenv("YUE_NODE_RANK", str(rank))
        found.append(find_fleet(meet, 1, Path()))
    return found


@pytest.mark.long
def test_two_hosts_learn_what_one_process_learns(
    job: Job, world: World, base_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, stages = tmp_path / "found", range(4)
    found.mkdir()
    write_job(JobFolder(found), job)
    ways = [*LOSSES, LIGER] if importlib.util.find_spec("liger_kernel") else LOSSES
    program = ["tests.training.together", str(found), *map(str, stages), *ways]
    start(fleets("no_ssh", monkeypatch), program, found, TRITON_INTERPRET="1")
    session, alone, _ = go(job, world)
    expected = weights(session)
    plain = AutoModelForCausalLM.from_pretrained(base_path)
    for stage in stages:
        folder = found / f"stage-{stage}"
        outcome = json.loads((folder / "outcome.json").read_text())
        assert outcome["loss"] == pytest.approx(alone.state.last("loss"), rel=1e-4)
        assert outcome["valid_loss"] == pytest.approx(alone.state.last("valid_loss"), rel=1e-4)
        assert outcome["tokens_seen"] == alone.state.tokens_seen
        peft = PeftModel.from_pretrained(copy.deepcopy(plain), folder)
        loaded = {n: w for n, w in peft.named_parameters() if "lora_" in n}
        assert loaded.keys() == expected.keys()
        for name, weight in loaded.items():
            np.testing.assert_allclose(weight.detach(), expected[name], rtol=1e-2, atol=1e-3)
    exact = exact_of_all(job, world)
    for way in ways:
        for micro in (1, 4):  # four and one forward passes of each process
            check_gradients(load_file(found / f"{way}-{micro}.safetensors"), exact[way], way)


@pytest.mark.long
def test_two_hosts_learn_of_upstream_s_rows_what_one_process_does(
    job: Job, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = changed(job, packing="chop")
    write_job(JobFolder(tmp_path), job)
    start(fleets("no_ssh", monkeypatch), ["tests.training.together", str(tmp_path), "1"], tmp_path)
    _, alone, _ = go(job, world)
    outcome = json.loads((tmp_path / "stage-1" / "outcome.json").read_text())
    assert outcome["loss"] == pytest.approx(alone.state.last("loss"), rel=1e-4)
    assert outcome["valid_loss"] == pytest.approx(alone.state.last("valid_loss"), rel=1e-4)
    rows = job.recipe.train.max_steps * job.recipe.train.batch_size
    assert outcome["tokens_seen"] == alone.state.tokens_seen == rows * 256


@pytest.mark.long
def test_liger_s_gradients_equal_a_float64_reference(
    job: Job, world: World, tmp_path: Path
) -> None:
    pytest.importorskip("liger_kernel")
    write_job(JobFolder(tmp_path), job)
    program = ["tests.training.together", str(tmp_path), LIGER]
    start([find_fleet(launch(), 1, Path())], program, tmp_path, TRITON_INTERPRET="1")
    exact = exact_of_all(job, world)[LIGER]
    for micro in (1, 4):
        check_gradients(load_file(tmp_path / f"{LIGER}-{micro}.safetensors"), exact, LIGER)


@pytest.mark.long
@pytest.mark.parametrize("launcher", ["slurm", "deepspeed"])
def test_other_launchers_reach_two_hosts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    fake_commands(tmp_path / "bin")
    start(fleets(launcher, monkeypatch), ["tests.training.meet", str(tmp_path / "found")],
          tmp_path / "found")  # fmt: skip
    one, two = (json.loads((tmp_path / "found" / f"{rank}.json").read_text()) for rank in (0, 1))
    assert (one.pop("RANK"), two.pop("RANK")) == ("0", "1")
    assert one == two
    assert (one["LOCAL_RANK"], one["WORLD_SIZE"], one["DS_ACCELERATOR"]) == ("0", "2", "cpu")


def test_a_host_uses_the_gpus_that_it_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    def places(fleet: Fleet) -> object:
        command = launcher_command(fleet, ["program"], None)
        return json.loads(base64.urlsafe_b64decode(command[command.index("--world_info") + 1]))

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert places(find_fleet(launch(), 2, Path())) == {"localhost": [0, 1]}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5,3,1")
    assert places(find_fleet(launch(), 2, Path())) == {"localhost": ["GPU-5", "3"]}
    monkeypatch.setenv("YUE_NODE_RANK", "1")
    two = find_fleet(launch(launcher="no_ssh", hosts=("a", "b")), 1, Path())
    assert places(two) == {"a": [0], "b": ["GPU-5"]}


def test_hosts_are_named_by_the_recipe_a_file_or_slurm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_fleet(launch(), 3, tmp_path).hosts == (Host("localhost", 3),)
    monkeypatch.setenv("YUE_NODE_RANK", "1")
    named = find_fleet(launch(launcher="torchrun", hosts=("a", "b")), 2, tmp_path)
    assert (named.here, named.leads, named.processes) == (1, False, 4)
    assert (named.address, named.port) == ("a", 29500)
    (tmp_path / "hosts").write_text("# ours\na slots=4\n\nb slots=2  # small\n")
    file = find_fleet(launch(hostfile="hosts", address="c:77"), 1, tmp_path)
    assert file.hosts == (Host("a", 4), Host("b", 2))
    assert (file.here, file.address, file.port) == (0, "c", 77)
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "3")
    monkeypatch.setenv("SLURMD_NODENAME", "n7")
    slurm = find_fleet(launch(launcher="slurm"), 8, tmp_path)
    assert (slurm.processes, slurm.address) == (24, "n7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a slots=0\n", "hosts:1: a slots=0"),
        ("a slots=2\na slots=2\n", "hosts:2: a slots=2"),
        ("a 2\n", "hosts:1: a 2"),
        ("# none\n", "no hosts"),
    ],
)
def test_a_damaged_host_file_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "hosts").write_text(text)
    with pytest.raises(TrainingError, match=words):
        read_hostfile(tmp_path / "hosts")


def test_a_host_that_is_none_of_them_and_no_job_of_slurm_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YUE_NODE_RANK", raising=False)
    monkeypatch.delenv("SLURM_JOB_NUM_NODES", raising=False)
    with pytest.raises(TrainingError, match=r"not clear which host(?s:.*)YUE_NODE_RANK"):
        find_fleet(launch(launcher="no_ssh", hosts=("a", "b")), 1, tmp_path)
    with pytest.raises(TrainingError, match="no job of SLURM"):
        find_fleet(launch(launcher="slurm"), 1, tmp_path)

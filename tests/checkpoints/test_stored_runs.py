"""Unfinished runs: found, compared, gone on from, removed; none abandoned without a word."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.training.jobs import vary
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.identity import Identity, read_identity, write_identity
from yue.checkpoints.run_state import RunState, newest_checkpoint, take_lock
from yue.checkpoints.snapshot import Snapshot
from yue.checkpoints.stored_runs import continued_from, stored_runs
from yue.cli import main
from yue.distributed import World
from yue.doctor.project_checks import check_project
from yue.errors import TrainingError
from yue.files import write_json
from yue.training.job import Job
from yue.training.plan import adopt, identity_of, plan_run
from yue.training.run import dry_run

ALONE = World(rank=0, size=1, device=torch.device("cpu"))


@pytest.fixture(name="setup")
def setup_of_a_project(setup: Job) -> Job:
    return vary(setup, name="mine", project=setup.scratch)


def trained(setup: Job, **changes: object) -> Job:
    return vary(setup, train=dataclasses.replace(setup.recipe.train, **changes))


def stop_at(setup: Job, step: int, code: dict[str, str] | None = None) -> Path:
    """Leave a run as one that was stopped at a step; by other code if that is given."""
    identity, steps = identity_of(setup)
    if code:
        identity = dataclasses.replace(identity, code={**identity.code, **code})
    folder = setup.checkpoints / identity.fingerprint
    Checkpoints(folder, ALONE).save(Snapshot({"w": torch.zeros(2)}), RunState(step=step))
    write_identity(folder, identity, {"recipe_name": "mine", "steps": steps})
    return folder


def leave_old_format(folder: Path, step: int) -> Path:
    """As the versions before wrote it: DeepSpeed's files, no record."""
    files = folder / f"step-{step:08d}" / "deepspeed"
    files.mkdir(parents=True)
    (files / "mp_rank_00_model_states.pt").write_bytes(b"x" * 10)
    state = RunState(step=step).plain()
    listing = {"files": {"deepspeed/mp_rank_00_model_states.pt": 10}, "state": state}
    write_json(files.parent / "complete.json", listing)
    return folder


def fingerprint(setup: Job) -> str:
    return identity_of(setup)[0].fingerprint


def test_how_a_run_is_logged_saved_and_spread_is_no_part_of_what_it_is(setup: Job) -> None:
    own = fingerprint(setup)
    for changes in ({"logging_steps": 7}, {"save_steps": 7}, {"gradient_checkpointing": "full"},
                    {"epochs": 9.0}):  # fmt: skip
        assert fingerprint(trained(setup, **changes)) == own, changes  # max_steps is set
    launch = dataclasses.replace(setup.recipe.launch, processes=2)
    plan = plan_run(vary(setup, launch=launch, zero_stage=0, offload="optimizer"))
    assert plan.job.fingerprint == own
    for changes in ({"max_steps": 7}, {"lr": 0.5}, {"seed": 5}, {"keep": "best"},
                    {"micro_batch_size": 1}, {"loss_kernel": "liger"}):  # fmt: skip
        assert fingerprint(trained(setup, **changes)) != own, changes


def test_a_build_of_a_library_and_yues_version_are_no_part_either(
    setup: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"torch": "2.11.0+cpu"}
    monkeypatch.setattr("yue.checkpoints.identity.version", lambda name: versions.get(name, "1.0"))
    own = fingerprint(setup)
    monkeypatch.setattr("yue.__version__", "99")
    versions["torch"] = "2.11.0+cu128"
    assert fingerprint(setup) == own
    versions["torch"] = "2.12.0+cpu"
    assert fingerprint(setup) != own


def test_a_rehearsal_and_a_run_say_what_differs_and_how_to_go_on(
    setup: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stop_at(trained(setup, max_steps=40), 5, {"yue/training/loop.py": "other"})
    text = "\n".join(dry_run(setup))
    name = folder.name[:12]
    assert "resumes: nothing, it starts at step 0" in text
    assert (
        f"  checkpoint {name} of the same songs and base model is at step 5 of 40; what differs:\n"
        "      train.max_steps 40, here 6\n"
        "      code: yue/training/loop.py changed\n"
        f"    go on from it: yue checkpoints adopt {name}\n"
    ) in text
    from yue.training import run

    class StartedError(Exception):
        pass

    def start(*_: object, **__: object) -> None:
        raise StartedError

    monkeypatch.setattr(run, "run_workers", start)
    with run.TrainingRun(setup) as training, pytest.raises(StartedError):
        training.train()
    assert f"go on from it: yue checkpoints adopt {name}" in capsys.readouterr().out


def test_adopted_the_next_run_begins_there_and_the_other_stays(setup: Job) -> None:
    other = stop_at(trained(setup, max_steps=40), 5)
    assert adopt(setup, other.name[:8]).step == 5
    own = setup.checkpoints / fingerprint(setup)
    newest = newest_checkpoint(own)
    assert newest is not None
    assert newest.state.step == 5
    assert "resumes: step 5" in "\n".join(dry_run(setup))
    record = continued_from(own)
    assert record is not None
    assert record["checkpoint"] == other.name
    assert (record["step"], record["differences"]) == (5, ["train.max_steps 40, here 6"])
    assert newest_checkpoint(other) is not None
    adopt(setup, other.name)  # again changes nothing
    Checkpoints(own, ALONE).save(Snapshot({"w": torch.zeros(2)}), RunState(step=6))
    assert newest_checkpoint(other) is not None  # though files may be shared
    third = stop_at(trained(setup, max_steps=50), 4)
    with pytest.raises(TrainingError, match="a checkpoint of its own, at step 6"):
        adopt(setup, third.name)


@pytest.mark.parametrize(
    ("section", "changes", "why"),
    [
        ("lora", {"r": 2}, r"another kind \(lora\.r 2, here 4\)"),
        ("lora", {"init": "pissa"}, r"another kind \(lora\.init pissa, here zero\)"),
        ("train", {"max_steps": 99}, "beyond this run's 6 steps"),
    ],
)
def test_what_cannot_be_gone_on_from_is_said_with_the_reason(
    setup: Job, section: str, changes: dict[str, object], why: str
) -> None:
    part = dataclasses.replace(getattr(setup.recipe, section), **changes)
    other = stop_at(vary(setup, **{section: part}), 50 if section == "train" else 2)
    with pytest.raises(TrainingError, match=rf"cannot go on(?s:.*){why}"):
        adopt(setup, other.name)
    assert "cannot go on from it: " in "\n".join(dry_run(setup))


def test_checkpoints_of_older_versions_are_said_to_be_such(
    setup: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    old = leave_old_format(setup.checkpoints / ("ab" * 32), 20)
    text = "\n".join(dry_run(setup))
    assert "checkpoint abababababab at step 20 is of an older version of yue\n" in text
    assert "remove it: yue checkpoints remove abababababab" in text
    with pytest.raises(TrainingError, match="an older version of yue wrote it"):
        adopt(setup, "abab")
    assert newest_checkpoint(old) is None
    assert old.is_dir()


def test_another_folder_of_songs_is_not_offered(setup: Job, tmp_path: Path) -> None:
    other = stop_at(setup, 2)
    shutil.copytree(setup.tokens, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "train.bin", tmp_path / "other" / "valid.bin")
    for suffix in ("idx", "json"):
        shutil.copy(tmp_path / "other" / f"train.{suffix}", tmp_path / "other" / f"valid.{suffix}")
    changed = vary(setup, tokens=tmp_path / "other")
    assert other.name[:12] not in "\n".join(dry_run(changed))
    with pytest.raises(TrainingError, match="it learned other songs"):
        adopt(changed, other.name)


def test_a_record_that_is_none_is_passed_over(tmp_path: Path) -> None:
    identity = Identity({"train": {}}, "d", "b", {"f": "1"}, {"torch": "2"})
    write_identity(tmp_path, identity, {"steps": 3})
    assert read_identity(tmp_path) == (identity, {"steps": 3})
    sound = dataclasses.asdict(identity)
    damaged = [
        json.dumps({**sound, **part})
        for part in (
            {"code": None},
            {"versions": [1]},
            {"sections": {"train": {"lr": float("nan")}}},
            {"sections": {"train": 3}},
        )
    ]
    for text in ("", "[]", '{"sections": {}}', '{"sections": 1, "data": 2}', *damaged):
        (tmp_path / "identity.json").write_text(text)
        assert read_identity(tmp_path) is None, text


@pytest.mark.parametrize("part", [{"step": "5"}, {"step": None}, {"points": [3]}, {"sums": 1}])
def test_a_state_that_is_none_is_passed_over(setup: Job, part: dict[str, object]) -> None:
    folder = stop_at(setup, 5)
    listing = folder / "step-00000005" / "complete.json"
    record = json.loads(listing.read_text())
    write_json(listing, {**record, "state": {**record["state"], **part}})
    assert [run.checkpoint for run in stored_runs(setup.checkpoints)] == [None]


def test_what_a_user_keeps_beside_them_stays(setup: Job, tmp_path: Path) -> None:
    folder = stop_at(setup, 5)
    shutil.copytree(folder / "step-00000005", folder / "step-00000005.keep")
    Checkpoints(folder, ALONE).save(Snapshot({"w": torch.zeros(2)}), RunState(step=6))
    assert (folder / "step-00000005.keep" / "complete.json").is_file()
    (setup.checkpoints / "notes").mkdir()
    (tmp_path / "precious").mkdir()
    (setup.checkpoints / ("e" * 64)).symlink_to(tmp_path / "precious")
    assert [run.folder for run in stored_runs(setup.checkpoints)] == [folder]
    assert not list((tmp_path / "precious").iterdir())


def test_one_that_is_being_written_is_no_checkpoint_yet(setup: Job) -> None:
    """It is swept when the run starts again, and would take an adopted one with it."""
    folder = stop_at(setup, 5)
    shutil.copytree(folder / "step-00000005", folder / "step-00000009.tmp")
    listing = folder / "step-00000009.tmp" / "complete.json"
    record = json.loads(listing.read_text())
    write_json(listing, {**record, "state": {**record["state"], "step": 9}})
    newest = newest_checkpoint(folder)
    assert newest is not None
    assert newest.state.step == 5


def test_a_listing_bears_files_that_go_meanwhile(setup: Job) -> None:
    folder = stop_at(setup, 5)
    (folder / "gone").symlink_to("nowhere")  # stat fails as on a file that was just removed
    (run,) = stored_runs(setup.checkpoints)
    assert run.size > 0
    assert run.age < 600
    shutil.rmtree(folder)
    assert run.size == 0


def test_one_that_went_is_not_adopted_and_leaves_nothing(
    setup: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stop_at(trained(setup, max_steps=40), 5)
    (run,) = stored_runs(setup.checkpoints)
    monkeypatch.setattr("yue.training.plan.find_run", lambda *_: run)
    shutil.rmtree(other / "step-00000005")  # its training has saved the next
    with pytest.raises(TrainingError, match="at step 5 went while it was read"):
        adopt(setup, other.name)
    assert not (setup.checkpoints / fingerprint(setup)).exists()


def test_a_run_that_begins_anew_was_continued_from_none(setup: Job) -> None:
    other = stop_at(trained(setup, max_steps=40), 5)
    adopt(setup, other.name)
    own = setup.checkpoints / fingerprint(setup)
    (own / "step-00000005" / "weights.safetensors").write_bytes(b"damaged")
    Checkpoints(own, ALONE).lock()
    assert continued_from(own) is None


def test_a_lock_of_a_folder_that_was_removed_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed_meanwhile(*_: object) -> None:
        shutil.rmtree(tmp_path / "run")

    with monkeypatch.context() as patched:
        patched.setattr("yue.checkpoints.run_state.fcntl.flock", removed_meanwhile)
        assert take_lock(tmp_path / "run") is None
    lock = take_lock(tmp_path / "run")
    assert lock is not None
    assert take_lock(tmp_path / "run") is None
    lock.close()


class TestCommand:
    """``yue checkpoints``, apart from a project and in one."""

    @pytest.fixture
    def yue(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., tuple[int, str, str]]:
        monkeypatch.chdir(tmp_path)

        def run(*words: str) -> tuple[int, str, str]:
            code = main(["checkpoints", *words])
            text = capsys.readouterr()
            return code, text.out, text.err

        return run

    @pytest.fixture
    def project(self, setup: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
        """One whose active recipe trains ``setup``."""
        (tmp_path / "params.yaml").write_text("read by the function below\n")
        monkeypatch.setattr("yue.commands.checkpoints.read_recipe", lambda path: setup.recipe)
        monkeypatch.setattr("yue.commands.checkpoints.job_of_project", lambda recipe, paths: setup)
        return setup

    def test_it_lists_all_and_says_what_differs(
        self, yue: Callable[..., tuple[int, str, str]], project: Job
    ) -> None:
        assert yue()[:2] == (
            0,
            f"checkpoints: 0 unfinished runs in {project.checkpoints}, 0.0 MB\n",
        )
        own = stop_at(project, 2).name[:12]
        other = stop_at(trained(project, max_steps=40), 5).name[:12]
        leave_old_format(project.checkpoints / ("ab" * 32), 20)
        code, out, _ = yue()
        assert code == 0
        assert "3 unfinished runs" in out
        assert f"  {own}  step 2 of 6, 0.0 MB, less than a minute ago, mine: the active" in out
        assert f"  {other}  step 5 of 40" in out
        assert "    train.max_steps 40, here 6\n    can be adopted\n" in out
        assert "of an older version of yue, which alone can finish it" in out
        assert out.splitlines()[-1] == (
            "  next: `dvc repro train` goes on from the active recipe's own, "
            "`yue checkpoints adopt ID` goes on from one, `yue checkpoints remove ID` removes it"
        )

    def test_others_are_removed_and_never_the_active_one_unnamed(
        self, yue: Callable[..., tuple[int, str, str]], project: Job
    ) -> None:
        own = stop_at(project, 2)
        other = stop_at(trained(project, max_steps=40), 5)
        with (other / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            code, _, err = yue("remove", other.name[:12])
            assert code == 1
            assert "is of a training that is running" in err
        assert yue("remove")[0] == 2
        assert yue("remove", "zzz")[0] == 2
        code, out, _ = yue("remove", "--others")
        assert code == 0
        assert f"removed {other.name[:12]}, step 5" in out
        assert [run.folder for run in stored_runs(project.checkpoints)] == [own]
        code, out, _ = yue("remove", own.name[:6], own.name[:8])
        assert (code, out.count("removed")) == (0, 1), "two beginnings of one id"
        assert not own.exists()

    def test_one_is_adopted(self, yue: Callable[..., tuple[int, str, str]], project: Job) -> None:
        other = stop_at(trained(project, max_steps=40), 5).name[:12]
        assert yue("adopt")[0] == 2
        code, out, _ = yue("adopt", other)
        assert (code, "goes on from" in out, "next: dvc repro train" in out) == (0, True, True)

    def test_beside_an_output_folder_there_is_no_active_recipe(
        self, yue: Callable[..., tuple[int, str, str]], setup: Job, tmp_path: Path
    ) -> None:
        output = ("--output-dir", str(tmp_path / "adapter"))
        other = stop_at(setup, 5).name[:12]
        code, out, _ = yue(*output)
        assert (code, other in out) == (0, True)
        assert "yue train ... --adopt ID" in yue("adopt", other, *output)[2]
        assert yue("remove", "--others", *output)[0] == 2
        assert yue("remove", other, *output)[0] == 0


def test_the_doctor_tells_of_other_runs_and_their_size(
    setup: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.training.job.job_of_project", lambda recipe, paths: setup)
    (tmp_path / "params.yaml").write_text("x: 1\n")
    monkeypatch.setattr("yue.doctor.project_checks.read_recipe", lambda path: setup.recipe)
    stop_at(setup, 2)
    found = {finding.name: finding for finding in check_project(tmp_path)}
    assert found["checkpoints"].state == "ok"
    stop_at(trained(setup, max_steps=40), 5)
    found = {finding.name: finding for finding in check_project(tmp_path)}
    assert found["checkpoints"].state == "warning"
    assert "1 unfinished run of other recipes or code, 0.0 GB" in found["checkpoints"].found
    assert "yue checkpoints remove --others" in found["checkpoints"].fix


def test_listing_and_comparing_need_no_torch() -> None:
    words = "import sys, yue.commands.checkpoints, yue.training.plan, yue.checkpoints.stored_runs; "
    words += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0

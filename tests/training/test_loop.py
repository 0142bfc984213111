"""The loop: exact gradients, exact resume, and an end to numbers that are none."""

from __future__ import annotations

import dataclasses
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training.jobs import vary
from tests.training.reference import (
    LOSSES,
    check_gradients,
    computing,
    exact_of_all,
    loop_gradients,
)
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import Point, RunState
from yue.checkpoints.snapshot import full_weights
from yue.distributed import World
from yue.errors import TrainingError
from yue.training.engine import set_learning_rate
from yue.training.job import Job
from yue.training.loop import Loop
from yue.training.outcome import StopRequest
from yue.training.session import Session, restore, start_session


class StopAt(StopRequest):
    """Asks to stop once a state has come to a step; never if None."""

    def __init__(self, step: int | None = None, state: RunState | None = None) -> None:
        super().__init__()
        self.step, self.state = step, state

    @property
    def asked(self) -> bool:
        return self.step is not None and self.state is not None and self.state.step >= self.step


class Recorder:
    def __init__(self) -> None:
        self.points: list[Point] = []

    def log(self, point: Point) -> None:
        self.points.append(point)

    def end(self) -> None: ...


def changed(job: Job, zero_stage: int = 2, **train: object) -> Job:
    return vary(job, zero_stage=zero_stage, train=dataclasses.replace(job.recipe.train, **train))


def go(job: Job, world: World, *, stop: int | None = None) -> tuple[Session, Loop, Recorder]:
    """Train, going on from a checkpoint if there is one."""
    session = start_session(job, world)
    checkpoints = Checkpoints(job.run_folder, world)
    checkpoint = checkpoints.newest()
    state = checkpoint.state if checkpoint else RunState()
    best = restore(session, checkpoints, checkpoint) if checkpoint else {}
    recorder = Recorder()
    loop = Loop(session, checkpoints, recorder, StopAt(stop, state), state, best)
    assert loop.run() == (stop is None)
    return session, loop, recorder


def weights(session: Session) -> dict[str, Tensor]:
    return full_weights(session.engine, session.objective.model)


def without_dropout(job: Job) -> Job:
    return vary(job, lora=dataclasses.replace(job.recipe.lora, dropout=0.0))


def test_gradients_equal_a_float64_reference_of_plain_transformers(job: Job, world: World) -> None:
    """For every way to compute the loss, and four forward passes or one."""
    exact = exact_of_all(job, world)
    for way in LOSSES:
        with computing(job, way) as one:
            for micro in (1, 4):
                found = loop_gradients(changed(one, 0, micro_batch_size=micro), world)
                check_gradients(found, exact[way], way)


def test_four_forward_passes_of_one_row_equal_one_of_four(
    job: Job, world: World, tmp_path: Path
) -> None:
    job = without_dropout(job)
    ends = []
    for micro in (4, 1, 3):
        one = vary(
            changed(job, micro_batch_size=micro, max_steps=4),
            checkpoints=tmp_path / f"{micro}",
        )
        session, loop, _ = go(one, world)
        ends.append((weights(session), loop.state.last("loss")))
    for other, loss in ends[1:]:
        assert loss == pytest.approx(ends[0][1], rel=1e-5)
        for name, weight in ends[0][0].items():
            torch.testing.assert_close(other[name], weight, rtol=1e-3, atol=2e-4)


def test_losses_fall_and_are_told_by_role(job: Job, world: World) -> None:
    _, loop, recorder = go(changed(job, max_steps=20, lr=0.03), world)
    losses = [p.values["loss"] for p in recorder.points if "loss" in p.values]
    assert losses[-1] < losses[0] - 2
    held_out = [p.step for p in recorder.points if "valid_loss" in p.values]
    assert held_out == [0, 3, 6, 9, 12, 15, 18, 20]
    logged = next(p for p in recorder.points if "loss" in p.values)
    assert {"loss_vocal", "loss_instrumental", "learning_rate"} <= set(logged.values)
    outcome = loop.outcome(finished=True, peak_memory_bytes=1)
    assert (outcome.step, outcome.resumed_from) == (20, 0)
    assert 0 < outcome.learnt_tokens < outcome.tokens_seen


@pytest.mark.parametrize(
    ("zero_stage", "dtype", "offload"),
    [
        (0, "float32", "none"),
        (2, "float32", "none"),
        pytest.param(1, "bfloat16", "none", marks=pytest.mark.long),
        pytest.param(2, "bfloat16", "optimizer", marks=pytest.mark.long),
        pytest.param(3, "float32", "all", marks=pytest.mark.long),
    ],
)
def test_a_run_that_was_stopped_and_resumed_ends_in_the_same_bits(
    job: Job, world: World, tmp_path: Path, zero_stage: int, dtype: str, offload: str
) -> None:
    # Dropout is on: its randomness must come back too.
    model = dataclasses.replace(job.recipe.model, dtype=dtype)
    small = {"batch_size": 2, "max_steps": 4, "logging_steps": 1}
    job = vary(changed(job, zero_stage=zero_stage, **small), model=model, offload=offload)
    whole = vary(job, checkpoints=tmp_path / "whole")
    expected = weights(go(whole, world)[0])
    go(job, world, stop=3)
    session, loop, _ = go(job, world)
    found = weights(session)
    assert loop.outcome(finished=True, peak_memory_bytes=1).resumed_from == 3
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    assert any(weight.any() for name, weight in found.items() if "lora_B" in name)


def test_a_resumed_run_has_all_points_and_counts(job: Job, world: World, tmp_path: Path) -> None:
    whole = vary(job, checkpoints=tmp_path / "whole")
    _, expected, _ = go(whole, world)
    go(job, world, stop=4)
    _, loop, recorder = go(job, world)
    assert [p.step for p in loop.state.points] == [p.step for p in expected.state.points]
    assert loop.state.tokens_seen == expected.state.tokens_seen
    assert [p.step for p in recorder.points] == [6, 6]


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("zero_stage", [0, 2])
def test_what_is_no_number_stops_the_run_with_its_batch_in_a_file(
    job: Job, world: World, what: str, zero_stage: int
) -> None:
    job = changed(job, zero_stage=zero_stage, save_steps=1)
    session = start_session(job, world)
    checkpoints = Checkpoints(job.run_folder, world)
    recorder = Recorder()

    class Fault(StopRequest):
        """Breaks a weight, or the gradients, before the third step."""

        @property
        def asked(self) -> bool:
            if loop.state.step == 2 and what == "loss":
                with torch.no_grad():
                    session.objective.model.get_base_model().model.norm.weight[0] = float("nan")
            if loop.state.step == 2 and what == "gradient":
                backward = session.engine.backward
                session.engine.backward = lambda loss: backward(loss * float("inf"))
            return False

    loop = Loop(session, checkpoints, recorder, Fault(), RunState())
    with pytest.raises(TrainingError, match=rf"step 3: the {what} is not a finite number \(songs"):
        loop.run()
    file = next(checkpoints.folder.glob("fault-step-00000003-process-0.safetensors"))
    (batch,) = session.batches.step(session.share, 2)
    assert torch.equal(load_file(file)["0.tokens"], batch.tokens)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state.step == 2
    restore(session, checkpoints, newest)
    assert all(weight.isfinite().all() for weight in weights(session).values())


def test_a_full_disk_leaves_the_last_checkpoint_good(
    job: Job, world: World, tmp_path: Path
) -> None:
    whole = vary(job, checkpoints=tmp_path / "whole")
    expected = weights(go(whole, world)[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    class Filling(StopRequest):
        """No file may grow beyond 2000 bytes once step 3 is done."""

        @property
        def asked(self) -> bool:
            if loop.state.step == 3:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
            return False

    session = start_session(job, world)
    checkpoints = Checkpoints(job.run_folder, world)
    loop = Loop(session, checkpoints, None, Filling(), RunState())
    try:
        with pytest.raises(TrainingError, match="cannot write a checkpoint"):
            loop.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["step-00000002"]
    session, loop, _ = go(job, world)
    assert loop.outcome(finished=True, peak_memory_bytes=1).resumed_from == 2
    assert all(torch.equal(weights(session)[name], weight) for name, weight in expected.items())


def test_training_ends_early_and_keeps_the_best_weights(
    job: Job, world: World, tmp_path: Path
) -> None:
    """With a rate that soon ruins the weights; the same after a stop, which the best outlive."""
    job = changed(job, max_steps=40, lr=2.0, eval_steps=1, patience=2, keep="best")
    whole = vary(job, checkpoints=tmp_path / "whole")
    session, loop, recorder = go(whole, world)
    losses = {p.step: p.values["valid_loss"] for p in recorder.points if "valid_loss" in p.values}
    best = min(losses, key=losses.__getitem__)
    outcome = loop.outcome(finished=True, peak_memory_bytes=1)
    assert (outcome.best_step, outcome.kept_step, outcome.step) == (best, best, best + 2)
    assert outcome.step < 40
    assert outcome.best_valid_loss == losses[best]
    kept = loop.weights()
    assert not all(torch.equal(kept[name], weight) for name, weight in weights(session).items())
    go(job, world, stop=best + 1)
    again = go(job, world)[1]
    assert again.state.step == best + 2
    assert all(torch.equal(again.weights()[name], weight) for name, weight in kept.items())
    exact = vary(changed(job, max_steps=40, keep="last"), checkpoints=tmp_path / "b")
    at_best = weights(go(exact, world, stop=best)[0])
    assert all(torch.equal(at_best[name], weight) for name, weight in kept.items())


def test_a_stop_during_validation_is_heard_and_the_validation_made_up_for(
    job: Job, world: World
) -> None:
    _, loop, recorder = go(job, world, stop=3)
    assert [p.step for p in recorder.points if "valid_loss" in p.values] == [0]
    assert loop.state.validated == 0
    _, _, recorder = go(job, world)
    assert [p.step for p in recorder.points if "valid_loss" in p.values] == [3, 6]


def test_samples_are_due_at_the_start_and_every_so_many_steps_and_change_nothing(
    job: Job, world: World, tmp_path: Path
) -> None:
    silent = vary(job, checkpoints=tmp_path / "silent")
    expected = weights(go(silent, world)[0])
    logging = dataclasses.replace(job.recipe.logging, sample_steps=4)
    session = start_session(vary(job, logging=logging), world)
    sung: list[int] = []

    def sing(step: int, asked: Callable[[], bool]) -> None:
        assert not session.objective.training
        torch.randn(100)
        sung.append(step)

    checkpoints = Checkpoints(job.run_folder, world)
    assert Loop(session, checkpoints, None, StopAt(), RunState(), {}, sing).run()
    assert sung == [0, 4, 6]
    assert all(torch.equal(weights(session)[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize(
    ("zero_stage", "offload"),
    [(2, "optimizer"), pytest.param(3, "all", marks=pytest.mark.long)],
)
def test_what_lies_in_main_memory_learns_the_same(
    job: Job, world: World, tmp_path: Path, zero_stage: int, offload: str
) -> None:
    job = changed(job, zero_stage=zero_stage, max_steps=2, batch_size=2)
    plain = vary(job, checkpoints=tmp_path / "plain")
    expected = weights(go(plain, world)[0])
    found = weights(go(vary(job, offload=offload), world)[0])
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("zero_stage", [0, 1, 2, 3])
def test_the_b_matrices_have_a_rate_of_their_own(job: Job, world: World, zero_stage: int) -> None:
    lora = dataclasses.replace(job.recipe.lora, lr_ratio=16.0)
    session = start_session(changed(vary(job, lora=lora), zero_stage), world)
    set_learning_rate(session.engine, 0.001)
    rates = {group["lr"] for group in session.engine.optimizer.param_groups}
    assert rates == {0.001, 0.016}


def test_without_held_out_songs_there_is_no_held_out_loss(
    job: Job, world: World, tmp_path: Path
) -> None:
    for suffix in ("bin", "idx", "json"):
        source = job.tokens / f"train.{suffix}"
        (tmp_path / f"train.{suffix}").write_bytes(source.read_bytes())
    _, loop, _ = go(vary(job, tokens=tmp_path), world)
    assert loop.state.last("valid_loss") is None


def test_gradient_checkpointing_changes_no_weight(
    job: Job, world: World, tmp_path: Path, a_train: Callable[..., object]
) -> None:
    plain = weights(go(vary(job, checkpoints=tmp_path / "plain"), world)[0])
    again = weights(go(changed(job, gradient_checkpointing=True), world)[0])
    for name, weight in plain.items():
        torch.testing.assert_close(again[name], weight, rtol=1e-4, atol=1e-5)

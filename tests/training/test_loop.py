"""The loop: exact gradients, exact resume, and an end to numbers that are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from yue.errors import TrainingError
from yue.training.checkpoint import Checkpoints
from yue.training.engine import full_weights
from yue.training.job import Job
from yue.training.loop import Loop
from yue.training.session import Session, start_session
from yue.training.state import Point, RunState
from yue.training.stop import StopRequest
from yue.training.world import World


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
    return dataclasses.replace(
        job, zero_stage=zero_stage, train=dataclasses.replace(job.train, **train)
    )


def go(job: Job, world: World, *, stop: int | None = None) -> tuple[Session, Loop, Recorder]:
    """Train, going on from a checkpoint if there is one."""
    session = start_session(job, world)
    checkpoints = Checkpoints(Path(job.checkpoints), world)
    checkpoint = checkpoints.newest()
    state = checkpoint.state if checkpoint else RunState()
    best = checkpoints.load(session.engine, checkpoint) if checkpoint else {}
    recorder = Recorder()
    loop = Loop(session, checkpoints, recorder, StopAt(stop, state), state, best)
    assert loop.run() == (stop is None)
    return session, loop, recorder


def weights(session: Session) -> dict[str, Tensor]:
    return full_weights(session.engine, session.objective.model)


def without_dropout(job: Job) -> Job:
    return dataclasses.replace(job, lora=dataclasses.replace(job.lora, dropout=0.0))


def test_gradients_equal_a_float64_reference_of_plain_transformers(job: Job, world: World) -> None:
    job = changed(
        without_dropout(job),
        zero_stage=0,
        batch_size=2,
        micro_batch_size=1,
        max_grad_norm=1e9,
        max_steps=1,
    )
    session = start_session(job, world)
    learning = {n: w for n, w in session.objective.model.named_parameters() if w.requires_grad}
    with torch.no_grad():
        for seed, (name, weight) in enumerate(learning.items()):
            if "lora_B" in name:  # zero at first, which would hide errors in half the gradients
                torch.nn.init.normal_(weight, 0, 0.1, generator=torch.Generator().manual_seed(seed))
    before = {name: weight.detach().clone() for name, weight in learning.items()}
    found: dict[str, Tensor] = {}
    step = session.engine.step

    def note_gradients() -> None:
        found.update({name: weight.grad.clone() for name, weight in learning.items()})
        step()

    session.engine.step = note_gradients
    loop = Loop(session, Checkpoints(Path(job.checkpoints), world), None, StopAt(), RunState())
    loop.run()

    reference = start_session(job, world).objective.model.double()
    reference.get_base_model().set_attn_implementation("eager")
    exact = {n: w for n, w in reference.named_parameters() if w.requires_grad}
    with torch.no_grad():
        for name, weight in exact.items():
            weight.copy_(before[name])
    total, count = torch.zeros((), dtype=torch.float64), 0
    for batch in session.batches.step(session.share, 0):
        for start, end in zip(batch.boundaries, batch.boundaries[1:], strict=False):
            logits = reference(batch.tokens[start:end][None]).logits[0]
            labels = batch.targets[start:end]
            total = total + F.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
            count += int((labels != -100).sum())
    (total / count).backward()
    for name, weight in exact.items():
        torch.testing.assert_close(found[name].double(), weight.grad, rtol=2e-3, atol=1e-6)


def test_four_forward_passes_of_one_row_equal_one_of_four(
    job: Job, world: World, tmp_path: Path
) -> None:
    job = without_dropout(job)
    ends = []
    for micro in (4, 1, 3):
        one = dataclasses.replace(
            changed(job, micro_batch_size=micro, max_steps=4),
            checkpoints=str(tmp_path / f"{micro}"),
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
    ("zero_stage", "dtype"),
    [
        (0, "float32"),
        (2, "float32"),
        pytest.param(1, "bfloat16", marks=pytest.mark.slow),
        pytest.param(3, "float32", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_stopped_and_resumed_ends_in_the_same_bits(
    job: Job, world: World, tmp_path: Path, zero_stage: int, dtype: str
) -> None:
    # Dropout is on: its randomness must come back too.
    model = dataclasses.replace(job.model, dtype=dtype)
    job = dataclasses.replace(changed(job, zero_stage=zero_stage), model=model)
    whole = dataclasses.replace(job, checkpoints=str(tmp_path / "whole"))
    expected = weights(go(whole, world)[0])
    go(job, world, stop=3)
    session, loop, _ = go(job, world)
    found = weights(session)
    assert loop.outcome(finished=True, peak_memory_bytes=1).resumed_from == 3
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    assert any(weight.any() for name, weight in found.items() if "lora_B" in name)


def test_a_resumed_run_has_all_points_and_counts(job: Job, world: World, tmp_path: Path) -> None:
    whole = dataclasses.replace(job, checkpoints=str(tmp_path / "whole"))
    _, expected, _ = go(whole, world)
    go(job, world, stop=4)
    _, loop, recorder = go(job, world)
    assert [p.step for p in loop.state.points] == [p.step for p in expected.state.points]
    assert loop.state.tokens_seen == expected.state.tokens_seen
    assert [p.step for p in recorder.points] == [6, 6]


def test_a_loss_that_is_no_number_stops_before_the_update(job: Job, world: World) -> None:
    session = start_session(job, world)
    before = weights(session)
    with torch.no_grad():
        session.objective.model.get_base_model().model.norm.weight[0] = float("nan")
    stop = StopAt()
    loop = Loop(session, Checkpoints(Path(job.checkpoints), world), None, stop, RunState())
    with pytest.raises(TrainingError, match=r"step 1: the loss is not a finite number \(songs tr"):
        loop.run()
    after = weights(session)
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_without_held_out_songs_there_is_no_held_out_loss(
    job: Job, world: World, tmp_path: Path
) -> None:
    for suffix in ("bin", "idx", "json"):
        source = Path(job.tokens) / f"train.{suffix}"
        (tmp_path / f"train.{suffix}").write_bytes(source.read_bytes())
    _, loop, _ = go(dataclasses.replace(job, tokens=str(tmp_path)), world)
    assert loop.state.last("valid_loss") is None


def test_gradient_checkpointing_changes_no_weight(
    job: Job, world: World, tmp_path: Path, a_train: Callable[..., object]
) -> None:
    plain = weights(go(dataclasses.replace(job, checkpoints=str(tmp_path / "plain")), world)[0])
    again = weights(go(changed(job, gradient_checkpointing=True), world)[0])
    for name, weight in plain.items():
        torch.testing.assert_close(again[name], weight, rtol=1e-4, atol=1e-5)

"""The training loop: step, log, validate, make samples, save, stop when asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import Point, RunState
from yue.checkpoints.snapshot import full_weights, take_snapshot
from yue.costs.speed import Meter
from yue.errors import TrainingError
from yue.progress import say
from yue.tokens.roles import Role
from yue.training.batches import MicroBatch, step_was_sound, stop_at_fault
from yue.training.curves import Curves, losses_text, step_line
from yue.training.engine import set_learning_rate
from yue.training.losses import Losses, Tally
from yue.training.outcome import Outcome, StopRequest
from yue.training.session import Session


class _StoppedError(Exception):
    """Raised when somebody asks for an end."""


class Loop:
    """Trains, validates, logs and saves.

    Args:
        session: What is trained, and on what.
        checkpoints: Where to save.
        curves: Where points go, in the first process.
        stop: Whether somebody wants an end.
        state: How far the run has come; it is moved on.
        best: The weights of the lowest held-out loss so far, from the checkpoint.
        sample: Makes samples, in the first process; called with the step, and with what tells it
            to break off.
    """

    def __init__(
        self,
        session: Session,
        checkpoints: Checkpoints,
        curves: Curves | None,
        stop: StopRequest,
        state: RunState,
        best: dict[str, Tensor] | None = None,
        sample: Callable[[int, Callable[[], bool]], None] | None = None,
    ) -> None:
        self._session, self._checkpoints = session, checkpoints
        self._curves, self._stop, self.state = curves, stop, state
        self._best, self._sampler = best or {}, sample
        self._engine, self._world = session.engine, session.world
        self._train = session.job.recipe.train
        self._forget_other_choices()
        self._tally = Tally(self._world.device)
        if state.sums and self._world.first:
            self._tally.restore(state.sums)
        self._started, self._before = time.monotonic(), state.seconds
        self._meter = Meter(session.machine, session.cost, session.world.size)

    def run(self) -> bool:
        """Train to the end; False where it was asked to stop before, and has saved."""
        try:
            self._measure()
            while not self._over():
                self._leave_if_asked()
                self._step(self.state.step)
                step, last = self.state.step, self.state.step == self._session.schedule.steps
                if step % self._train.logging_steps == 0 or last:
                    self._log()
                self._measure()
                if step % self._train.save_steps == 0 and not last:
                    self._save()
        except _StoppedError:
            self._save()
            return False
        return True

    def weights(self) -> dict[str, Tensor]:
        """Return what becomes the adapter: the best weights or the last, as the recipe says.

        Every process must call it.
        """
        last = full_weights(self._engine, self._session.objective.model)
        return self._best or last

    def _forget_other_choices(self) -> None:
        """Keep what this recipe keeps: the run that this one goes on from may have kept others."""
        if self._train.keep == "last":
            self._best = {}
        elif not self._best:  # the best so far is lost: look for it again
            self.state.best_step, self.state.best_loss, self.state.stale = -1, 0.0, 0

    def _over(self) -> bool:
        """Tell whether all steps are done, or too many validations brought nothing."""
        patience = self._train.patience
        if patience is not None and self.state.stale >= patience:
            return True
        return self.state.step >= self._session.schedule.steps

    def _leave_if_asked(self) -> None:
        """Every process must call it: they leave together."""
        if self._world.sum([self._stop.asked])[0]:
            raise _StoppedError

    def _measure(self) -> None:
        """Make samples and measure the held-out loss, where they are due and not yet there."""
        step, last = self.state.step, self.state.step == self._session.schedule.steps
        every = self._session.job.recipe.logging.sample_steps
        if every and (step % every == 0 or last) and self.state.sampled != step:
            self._sample()
        if (step % self._train.eval_steps == 0 or last) and self.state.validated != step:
            self._validate()

    def _step(self, step: int) -> None:
        """Make one optimizer step: the gradient of the summed losses over all labelled tokens."""
        begun = time.monotonic()
        # Dropout's randomness is a function of (seed, step, process): nothing to save for resume.
        # No two of them share a seed below a million steps and 4096 processes.
        torch.manual_seed((self._train.seed * 1_000_003 + step) * 4096 + self._world.rank)
        set_learning_rate(self._engine, self._session.schedule.rate(step))
        batches = self._session.batches.step(self._session.share, step)
        tokens, labelled, operations = self._world.sum(
            [
                sum(len(b.tokens) for b in batches),
                sum(len(b.roles) for b in batches),
                sum(self._session.cost.of(b.boundaries, len(b.roles)) for b in batches),
            ]
        )
        # DeepSpeed averages over processes and forward passes; undo it, for the sum.
        scale = self._world.size * len(batches) / max(labelled, 1)
        finite = torch.ones((), dtype=torch.bool, device=self._world.device)
        for number, batch in enumerate(batches):
            losses = self._engine(batch.tokens, batch.boundaries, batch.targets)
            self._tally.add(losses.detach(), batch.roles)
            finite &= torch.isfinite(losses.detach()).all()
            self._engine.backward(losses.sum() * scale)
            if number == len(batches) - 1 and self._world.sum([not finite])[0]:
                self._stop_at_fault("loss", batches, ours=not finite)
            self._engine.step()
        if not step_was_sound(self._engine, self._session.objective):
            self._stop_at_fault("gradient", batches, ours=True)
        self.state.step += 1
        self.state.tokens_seen += int(tokens)
        self.state.learnt_tokens += int(labelled)
        self._meter.add(time.monotonic() - begun, tokens, labelled, operations)

    def _stop_at_fault(self, what: str, batches: list[MicroBatch], *, ours: bool) -> None:
        stop_at_fault(
            what,
            step=self.state.step + 1,
            ours=ours,
            batches=batches,
            folder=self._checkpoints.folder,
            world=self._world,
        )

    def _log(self) -> None:
        losses = self._tally.take(self._world)
        step, steps = self.state.step, self._session.schedule.steps
        rate = self._session.schedule.rate(step - 1)
        values = {**_loss_curves("loss", losses), "learning_rate": rate}
        speed = self._meter.throughput
        values |= {"tokens_per_second": speed.tokens, "model_tflops": speed.tflops}
        mfu = speed.mfu_probe if speed.mfu is None else speed.mfu
        if mfu is not None:
            values["mfu"] = mfu
        norm = self._engine.get_global_grad_norm()
        if norm is not None and math.isfinite(float(norm)):
            values["gradient_norm"] = float(norm)
        self._point(values)
        if self._world.first:
            left = self._meter.step_seconds * (steps - step)
            say(step_line(step, steps, losses, rate=rate, speed=speed, seconds_left=left))

    def _validate(self) -> None:
        """Measure the held-out loss, where there is a held-out split."""
        if self._session.valid is None:
            return
        tally = Tally(self._world.device)
        self._engine.eval()
        try:
            with torch.no_grad():
                for batch in self._session.valid.once(self._world.rank, self._world.size):
                    self._leave_if_asked()
                    losses = self._engine(batch.tokens, batch.boundaries, batch.targets)
                    tally.add(losses, batch.roles)
        finally:
            self._engine.train()
        losses = tally.take(self._world)
        if losses.tokens and not math.isfinite(losses.mean):
            raise TrainingError(
                f"step {self.state.step}: the held-out loss is not a finite number",
                why="the weights have left the range of numbers; the last checkpoint is good",
                fix="lower train.lr, or use model.dtype: float32",
            )
        self.state.validated = self.state.step
        self._point(_loss_curves("valid_loss", losses))
        self._compare(losses)
        if self._world.first:
            step = f"{self.state.step}/{self._session.schedule.steps}"
            say(f"  step {step}  held-out {losses_text(losses)}")

    def _compare(self, losses: Losses) -> None:
        """Keep the weights if no held-out loss was lower."""
        state = self.state
        if not losses.tokens or (state.best_step >= 0 and losses.mean >= state.best_loss):
            state.stale += 1
            return
        state.best_step, state.best_loss, state.stale = state.step, losses.mean, 0
        if self._train.keep == "best":
            weights = full_weights(self._engine, self._session.objective.model)
            if self._world.first:  # the last step's weights are there anyway
                self._best = {name: weight.clone() for name, weight in weights.items()}

    def _sample(self) -> None:
        """Make samples in the first process; the others wait."""
        self._leave_if_asked()
        self._engine.eval()
        try:
            if self._sampler:
                self._sampler(self.state.step, lambda: self._stop.asked)
        finally:
            self._engine.train()
        self._leave_if_asked()  # the samples may have been cut short
        self.state.sampled = self.state.step

    def _point(self, values: dict[str, float]) -> None:
        if not values:
            return
        point = Point(self.state.step, values)
        self.state.points.append(point)
        if self._curves:
            self._curves.log(point)

    def _save(self) -> None:
        self.state.seconds = self.seconds
        self.state.sums = self._tally.total(self._world)
        module = self._session.objective.model
        snapshot = take_snapshot(self._engine, module, keep=self._world.first)
        self._checkpoints.save(snapshot, self.state, self._best)

    @property
    def seconds(self) -> float:
        """Time of all runs that led here, from the start of this loop."""
        return self._before + time.monotonic() - self._started

    def outcome(self, *, finished: bool, peak_memory_bytes: int) -> Outcome:
        """Return how the run ended."""
        state = self.state
        roles = [r.name.lower() for r in Role]
        losses = {role: state.last(f"loss_{role}") for role in roles}
        return Outcome(
            finished=finished,
            step=state.step,
            steps=self._session.schedule.steps,
            resumed_from=state.step - self._meter.steps,
            loss=state.last("loss"),
            valid_loss=state.last("valid_loss"),
            best_step=state.best_step if state.best_step >= 0 else None,
            best_valid_loss=state.best_loss if state.best_step >= 0 else None,
            kept_step=state.best_step if self._best else state.step,
            role_loss={role: loss for role, loss in losses.items() if loss is not None},
            tokens_seen=state.tokens_seen,
            learnt_tokens=state.learnt_tokens,
            dataset_tokens={
                taken.name: taken.tokens
                for taken in self._session.batches.rows.taken(state.step * self._train.batch_size)
            },
            wall_seconds=self.seconds,
            throughput=self._meter.throughput,
            machine=self._session.machine,
            peak_memory_bytes=peak_memory_bytes,
        )


def _loss_curves(name: str, losses: Losses) -> dict[str, float]:
    """Return the losses as curves: ``loss``, ``loss_vocal``, ..."""
    if not losses.tokens:
        return {}
    return {name: losses.mean, **{f"{name}_{role}": loss for role, loss in losses.roles.items()}}

"""One step's gradients as the loop makes them, and as plain Transformers does in float64."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.training.jobs import vary
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import RunState
from yue.distributed import World
from yue.lm import loss
from yue.training.job import Job
from yue.training.loop import Loop
from yue.training.outcome import StopRequest
from yue.training.session import Session, start_session

LOSSES = ("distinct", "frozen", "compiled", "compiled-frozen", "trained")
"""Ways to compute the loss. The rows of the tests' output layer are mostly equal: distinct."""
LIGER = "liger"
"""Another, where its package is there, in a process with TRITON_INTERPRET=1."""


@contextlib.contextmanager
def computing(job: Job, way: str) -> Iterator[Job]:
    """The job of one step, without dropout, whose loss is computed in this way."""
    saved = ("lm_head",) if way == "trained" else ()
    lora = dataclasses.replace(job.recipe.lora, dropout=0.0, modules_to_save=saved)
    train = dataclasses.replace(
        job.recipe.train,
        max_steps=1,
        max_grad_norm=1e9,
        context_length=100,
        eval_steps=9,
        compile="always" if way.startswith("compiled") else "never",
        loss_kernel=LIGER if way == LIGER else "chunked",
    )
    with pytest.MonkeyPatch.context() as patch:
        if way in ("frozen", "compiled-frozen", LIGER):
            patch.setattr("yue.training.losses.distinct_head", lambda head: head)
        # Blocks, and what C++ makes of the loss, are in tests/lm/test_forward_compiled.py; here
        # is what it is given.
        patch.setattr("yue.training.session.compile_blocks", lambda model: None)
        patch.setattr(loss, "_compiled_score", _traced_score)
        if way == LIGER:
            _let_triton_interpret(patch)
        yield vary(job, zero_stage=0, lora=lora, train=train)


@lru_cache
def _traced_score() -> loss.Score:
    return torch.compile(loss._score_without_writing, dynamic=True, backend="aot_eager")


def _let_triton_interpret(patch: pytest.MonkeyPatch) -> None:
    """Triton's interpreter makes a number of an array of one, which NumPy no longer allows."""
    interpreter = importlib.import_module("triton.runtime.interpreter")
    before = interpreter._patch_lang_tensor

    def patch_tensor(tensor: type, scope: object) -> None:
        before(tensor, scope)
        tensor.__index__ = lambda self: int(self.handle.data.item())

    patch.setattr(interpreter, "_patch_lang_tensor", patch_tensor)


def exact_of_all(job: Job, world: World) -> dict[str, dict[str, Tensor]]:
    """The exact gradients by way; they differ only where the output layer learns too."""
    exact = {}
    for way in ("distinct", "trained"):
        with computing(job, way) as one:
            exact[way] = exact_gradients(one, world)
    return {way: exact.get(way, exact["distinct"]) for way in (*LOSSES, LIGER)}


def check_gradients(found: dict[str, Tensor], exact: dict[str, Tensor], way: str) -> None:
    assert found.keys() == exact.keys()
    assert any("lm_head" in name for name in found) == (way == "trained")
    for name, weight in exact.items():
        # A sum over all rows of an output layer that cancels out loses digits in float32.
        atol = 1e-3 * float(weight.abs().max())
        torch.testing.assert_close(found[name].double(), weight, rtol=1e-3, atol=atol)


def learning(session: Session) -> dict[str, Tensor]:
    return {n: w for n, w in session.objective.model.named_parameters() if w.requires_grad}


def unsettle(session: Session) -> dict[str, Tensor]:
    """Fill the B matrices: zeros would hide errors in half of the gradients."""
    with torch.no_grad():
        for seed, (name, weight) in enumerate(learning(session).items()):
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, 0.1, generator=torch.Generator().manual_seed(seed))
    return {name: weight.detach().clone() for name, weight in learning(session).items()}


def loop_gradients(job: Job, world: World) -> dict[str, Tensor]:
    """The gradients at the first update of a job of one step; ZeRO 0."""
    session = dataclasses.replace(start_session(job, world), valid=None)
    unsettle(session)
    found: dict[str, Tensor] = {}
    step = session.engine.step

    def note_gradients() -> None:  # those of the last forward pass stay
        found.update({name: w.grad.clone() for name, w in learning(session).items()})
        step()

    session.engine.step = note_gradients
    checkpoints = Checkpoints(job.run_folder, world)
    Loop(session, checkpoints, None, StopRequest(), RunState()).run()
    return found


def exact_gradients(job: Job, world: World) -> dict[str, Tensor]:
    """The same of the mean loss over the whole batch, document by document; one process."""
    session = start_session(job, world)
    unsettle(session)
    model = session.objective.model.double()
    model.get_base_model().set_attn_implementation("eager")
    total, count = torch.zeros((), dtype=torch.float64), 0
    for batch in session.batches.step(session.share, 0):
        for start, end in pairwise(batch.boundaries):
            labels = batch.targets[start:end]
            logits = model(batch.tokens[start:end][None]).logits[0]
            total = total + F.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
            count += int((labels != -100).sum())
    (total / count).backward()
    return {name: weight.grad for name, weight in learning(session).items()}

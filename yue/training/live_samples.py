"""Samples while training: the songs that ``generate`` asks for, by the model as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from yue.files import atomic_folder
from yue.lm.load import TunedModel
from yue.progress import say
from yue.training.job import Job

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

Sample = Callable[[int, Callable[[], bool]], None]


class _StopAskedError(Exception):
    """Raised when somebody asks for an end."""


def live_sampler(job: Job, model: Any) -> Sample | None:
    """Return what makes samples in ``watch/samples/step-*``, or None where none are wanted.

    It draws its own random numbers and leaves the model's weights alone: a run with samples ends in
    the same adapter as one without.

    Args:
        job: The job of a project.
        model: The PEFT model.
    """
    if job.recipe.logging.sample_steps is None or job.project is None:
        return None
    # Here and not above: a run without samples need not load generation.
    from yue.generation.generation_setup import setup_of, sources_of
    from yue.generation.make_samples import make_samples

    root = job.project
    how = replace(job.recipe.generate, compare_base=False)
    setup = setup_of(job.recipe, root)
    setup = replace(setup, adapter=None, stage2=None, device=job.device, how=how)
    sources = sources_of(setup, root / "work")

    def sample(step: int, stop_asked: Callable[[], bool]) -> None:
        target = job.watch / "samples" / f"step-{step:08d}"
        live = _LiveModel(model, stop_asked)
        try:
            # Sections grow token by token; compiled blocks would compile again for each length.
            with atomic_folder(target) as place, torch.compiler.set_stance("force_eager"):
                samples = make_samples(sources, setup, place, live)
        except _StopAskedError:
            return
        say(f"  step {step}  {len(samples)} samples in {target}")

    return sample


class _LiveModel(TunedModel):
    """The model in training; its weights are never merged, and it may stop at any token."""

    def __init__(self, model: Any, stop_asked: Callable[[], bool]) -> None:
        super().__init__(model.get_base_model(), model)
        self._stop_asked = stop_asked

    @contextlib.contextmanager
    def use(self, model: str) -> Iterator[LlamaForCausalLM]:
        """Yield the model as a loaded one would, with a look before every token for a stop."""
        with super().use(model) as lm:
            hook = lm.model.register_forward_pre_hook(self._raise_if_asked)
            try:
                yield lm
            finally:
                hook.remove()

    def merge(self) -> None:
        """Leave the weights alone."""

    def _raise_if_asked(self, *_: Any) -> None:
        if self._stop_asked():
            raise _StopAskedError

"""Songs while training: the prompts of ``generate``, sung by the model as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from yue.files import atomic_folder, read_json
from yue.lm.load import TunedModel
from yue.progress import say
from yue.recipe.read import build_recipe
from yue.training.job import Job, JobFolder

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

Sing = Callable[[int, Callable[[], bool]], None]


class _BrokenOffError(Exception):
    """Somebody asked for an end."""


def singer(job: Job, folder: JobFolder, model: Any) -> Sing | None:
    """What makes samples in ``watch/samples/step-*``, or None where none are wanted.

    It draws its own random numbers and leaves the model's weights alone: a run with samples ends in
    the same adapter as one without.

    Args:
        job: The job.
        folder: Where the recipe and the project are noted.
        model: The PEFT model.
    """
    if job.logging.sample_steps is None:
        return None
    note = read_json(folder.sampling)
    recipe, root = build_recipe(note["recipe"]), Path(note["root"])
    # Here and not above: a run without samples need not load generation.
    from yue.generation.generation_setup import setup_of, sources_of
    from yue.generation.make_samples import make_samples

    how = replace(recipe.generate, compare_base=False)
    setup = replace(setup_of(recipe, root), adapter=None, stage2=None, device=job.device, how=how)
    sources = sources_of(setup, root / "work")

    def sing(step: int, asked: Callable[[], bool]) -> None:
        target = Path(job.watch) / "samples" / f"step-{step:08d}"
        live = _LiveModel(model, asked)
        try:
            # Sections grow token by token, which compiled blocks would be compiled for anew.
            with atomic_folder(target) as place, torch.compiler.set_stance("force_eager"):
                samples = make_samples(sources, setup, place, live)
        except _BrokenOffError:
            return
        say(f"  step {step}  {len(samples)} samples in {target}")

    return sing


class _LiveModel(TunedModel):
    """The model in training; its weights are never merged, and it may break off at any token."""

    def __init__(self, model: Any, asked: Callable[[], bool]) -> None:
        super().__init__(model.get_base_model(), model)
        self._asked = asked

    @contextlib.contextmanager
    def use(self, model: str) -> Iterator[LlamaForCausalLM]:
        """As for a loaded model."""
        with super().use(model) as lm:
            hook = lm.model.register_forward_pre_hook(self._break_off_if_asked)
            try:
                yield lm
            finally:
                hook.remove()

    def merge(self) -> None:
        """Leave the weights alone."""

    def _break_off_if_asked(self, *_: Any) -> None:
        if self._asked():
            raise _BrokenOffError

"""A package that a recipe asks for and the environment lacks."""

from __future__ import annotations

from yue.errors import TrainingError


def missing_package(name: str) -> TrainingError:
    """The error; ``name`` is the package, its extra and its key of ``logging``."""
    return TrainingError(
        f"logging.{name} is on, but the package {name} is not installed",
        fix=f"pip install 'yue[{name}]', or set logging.{name}: false",
    )

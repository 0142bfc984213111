"""The files a project is made from: the checkout's, which a wheel carries inside the package.

One copy is kept in git, at the top of the checkout; setup.py puts it into the wheel.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
PIPELINES = ("dvc.yaml", "demo/dvc.yaml")
SCHEMA = "schemas/recipe.schema.json"
NOTES = (
    "models/separator/README.md",
    "models/stage2/README.md",
    "corpora/README.md",
    "prompts/README.md",
)


def template_root() -> Path:
    """The folder that holds dvc.yaml, demo/, models/, recipes/ and schemas/."""
    carried = PACKAGE / "template"
    return carried if carried.is_dir() else PACKAGE.parent


def recipe_files() -> list[Path]:
    """The ready recipes, sorted by name."""
    return sorted((template_root() / "recipes").glob("*.yaml"))

"""Which paths a recipe names."""

from __future__ import annotations

from collections.abc import Iterator

from yue.recipe.model import Generate, Recipe

WATCHED = {
    "audio_prompt": "prompts",
    "vocal_prompt": "prompts",
    "instrumental_prompt": "prompts",
    "stage2": "models/stage2",
}
"""Keys of generate that may be empty, and the folders of which dvc.yaml knows in their place."""


def named_paths(recipe: Recipe) -> tuple[str, ...]:
    """Return every path that a recipe names."""
    return (
        recipe.data.songs_dir,
        recipe.separate.weights,
        recipe.codec.path,
        recipe.tokens.tokenizer,
        recipe.mix.folder,
        recipe.model.path,
        *(path for _, path, _ in given(recipe.generate)),
    )


def given(generate: Generate) -> Iterator[tuple[str, str, str]]:
    """Yield key, path and watched folder of what samples are made with."""
    for key, folder in WATCHED.items():
        path: str | None = getattr(generate, key)
        if path is not None:
            yield key, path, folder

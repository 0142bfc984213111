from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from yue.codecs.registry import load_codec
from yue.errors import CodecError
from yue.generation.plan import make_plan
from yue.paths import Paths
from yue.recipe.read import default_recipe
from yue.stages.generate import setup_of


def test_songs_are_not_decoded_by_another_codec_than_made_their_codes(
    tmp_path: Path, base_path: Path, tokenizer_path: Path, codec_path: Path
) -> None:
    recipe = default_recipe()
    recipe = replace(
        recipe,
        codec=replace(recipe.codec, name="melrvq", path=str(codec_path), codebooks=2),
        model=replace(recipe.model, path=str(base_path), dtype="float32"),
        tokens=replace(recipe.tokens, tokenizer=str(tokenizer_path), codebooks=1),
        runtime=replace(recipe.runtime, device="cpu"),
        generate=replace(recipe.generate, seconds=1.0),
    )
    card = load_codec("melrvq", codec_path).card
    file = Paths(tmp_path).codes / "codec.json"
    card.write(file)
    setup = replace(setup_of(recipe, tmp_path), adapter=None)
    assert make_plan([], setup).codec.card == card
    replace(card, digest="0" * 64).write(file)
    with pytest.raises(CodecError, match="given to melrvq"):
        make_plan([], replace(setup_of(recipe, tmp_path), adapter=None))

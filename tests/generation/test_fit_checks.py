from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from yue.cli import main
from yue.codecs.registry import load_codec, read_card
from yue.errors import CodecError, GenerationError, YueError
from yue.files import write_json
from yue.generation.fit_checks import check_codec, check_reference
from yue.generation.generation_setup import setup_of
from yue.generation.sampling_plan import make_plan
from yue.paths import Paths
from yue.recipe.differences import sections_of
from yue.recipe.read import default_recipe
from yue.stages.generate import main as main_stage


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
    card.write(file)  # the songs are tokenized anew, the adapter is that of the codec before
    learned = {"codec": {"name": "melrvq", "digest": "0" * 64}, "recipe": sections_of(recipe)}
    write_json(Paths(tmp_path).adapter / "run.json", learned)
    with pytest.raises(GenerationError, match="learned codes of melrvq"):
        main_stage(recipe, Paths(tmp_path))
    other = replace(recipe, lora=replace(recipe.lora, r=64))
    with pytest.raises(YueError, match=r"is not the active recipe's.*\n.*lora.r 8, here 64"):
        main_stage(other, Paths(tmp_path))


@pytest.mark.parametrize(
    ("record", "note"),
    [
        (None, "cannot be checked: it has no run.json that names a codec"),
        ({"steps": 6}, "cannot be checked: it has no run.json that names a codec"),
        ({"codec": {"name": "melrvq", "digest": ""}}, "these weights of melrvq cannot be checked"),
        ({"codec": {"name": "melrvq", "digest": "SAME"}}, ""),
    ],
)
def test_what_an_adapter_does_not_say_of_its_codec_is_said_to_be_unchecked(
    tmp_path: Path, codec_path: Path, record: object, note: str
) -> None:
    if record is not None:
        digest = read_card("melrvq", codec_path).digest
        (tmp_path / "run.json").write_text(json.dumps(record).replace("SAME", digest))
    said = check_codec(tmp_path, "melrvq", codec_path)
    assert note in said
    assert bool(said) == bool(note)


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ({"name": "xcodec", "digest": "0" * 64}, "learned codes of xcodec (000000000000), not of"),
        ({"name": "xcodec", "digest": ""}, "learned codes of xcodec, not of melrvq"),
        ({"name": "melrvq", "digest": "0" * 64}, "learned codes of melrvq (000000000000), not of"),
    ],
)
def test_an_adapter_of_another_codec_is_refused_before_any_model_is_looked_at(
    tmp_path: Path,
    codec_path: Path,
    capsys: pytest.CaptureFixture[str],
    codec: dict[str, str],
    words: str,
) -> None:
    write_json(tmp_path / "adapter" / "run.json", {"codec": codec})
    (tmp_path / "lyrics.txt").write_text("[verse]\nla\n")
    flags = [
        "generate", "--model", "nowhere", "--adapter", str(tmp_path / "adapter"),
        "--codec-type", "melrvq", "--codec-path", str(codec_path), "--tokenizer", "nowhere",
        "--genres", "folk", "--lyrics", str(tmp_path / "lyrics.txt"),
        "--output-dir", str(tmp_path / "out"),
    ]  # fmt: skip
    assert main(flags) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("base", "layouts", "known"),
    [
        ("YuE-s1-7B-anneal-en-cot", None, "cot"),
        ("YuE-s1-7B-anneal-en-icl", None, ""),
        ("cottage", None, ""),
        ("x", ["cot", "interleave"], "run.json this one learned cot, interleave"),
        ("x-cot", ["cot", "icl"], ""),
        ("x-cot", [], ""),  # files of another program do not say it
    ],
)
def test_a_model_that_never_heard_reference_audio_is_told_of(
    tmp_path: Path, base: str, layouts: list[str] | None, known: str
) -> None:
    if layouts is not None:
        write_json(tmp_path / "run.json", {"layouts": layouts})
    note = check_reference(Path(base), None if layouts is None else tmp_path)
    assert known in note
    assert bool(note) == bool(known)

"""The stage in a small project, and everything that is refused before a model is loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from transformers import LlamaForCausalLM

from tests.folders import folder_digest
from tests.generation.conftest import save_adapter, save_base
from tests.tokens.decoding import audio_blocks
from yue.codecs.registry import load_codec
from yue.errors import YueError
from yue.files import write_json, write_jsonl
from yue.generation.recipe_setup import setup_of
from yue.generation.sample_records import Sample, read_samples
from yue.generation.sampling_plan import section_limits
from yue.generation.song_state import SectionLimits
from yue.paths import Paths
from yue.recipe.differences import sections_of
from yue.recipe.model import Generate, Recipe
from yue.recipe.read import default_recipe
from yue.stages.generate import main
from yue.tokens.assemble import Assembler
from yue.tokens.roles import REFERENCE_MARKER, Shape
from yue.tokens.row_reader import SongRow, read_rows
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range

RATE = Fraction(50)
SECONDS = 4.0
HOW = Generate(
    prompts=2,
    seconds=0.3,
    max_sections=2,
    temperature=1.0,
    top_p=0.95,
    top_k=0,
    repetition_penalty=1.1,
    guidance_scale=1.0,
    audio_prompt=None,
    vocal_prompt=None,
    instrumental_prompt=None,
    prompt_start=0.0,
    prompt_end=30.0,
    stage2=None,
    upsample=False,
    compare_base=True,
    seed=3,
)


@pytest.fixture
def project(
    tmp_path: Path, base_path: Path, adapter_path: Path, tokenizer_path: Path, codec_path: Path
) -> tuple[Recipe, Paths]:
    """Two held-out songs of two sections, with their stems and codes."""
    paths = Paths(tmp_path)
    for folder in (paths.stems, paths.codes, paths.audio):
        folder.mkdir(parents=True)
    codec = load_codec("melrvq", codec_path)
    generator = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    stems: list[dict[str, Any]] = []
    for song in ("a/one", "two"):
        name = song.replace("/", "%2F")
        stem: dict[str, Any] = {"song_id": song, "sample_rate": codec.sample_rate}
        row: dict[str, Any] = {"id": song, "genres": "folk", "audio_length_in_sec": SECONDS}
        for role, key in (("vocal", "vocals_codec"), ("instrumental", "instrumental_codec")):
            audio = generator.normal(0, 0.1, int(SECONDS * codec.sample_rate)).astype(np.float32)
            np.save(paths.audio / f"{name}.{role}.npy", audio)
            np.save(paths.codes / f"{name}.{role}.npy", codec.encode(audio[None])[0])
            stem[role] = f"audio/{name}.{role}.npy"
            row[key] = f"codes/{name}.{role}.npy"
        row["splitted_lyrics"] = {
            "segmented_lyrics": [
                {"codec_frame_start": 0, "codec_frame_end": 100, "line_content": "[verse]\nla\n\n"},
                {"codec_frame_start": 100, "codec_frame_end": 150, "line_content": "[outro]\n\n"},
            ]
        }
        rows.append(row)
        stems.append(stem)
    write_jsonl(paths.songs, rows)
    write_jsonl(paths.stems / "stems.jsonl", stems)
    write_json(paths.split, {"train": [], "valid": ["a/one", "two"], "test": []})
    paths.adapter.symlink_to(adapter_path)
    recipe = default_recipe()
    return (
        replace(
            recipe,
            model=replace(recipe.model, path=str(base_path), dtype="float32"),
            codec=replace(recipe.codec, name="melrvq", path=str(codec_path)),
            tokens=replace(recipe.tokens, tokenizer=str(tokenizer_path)),
            runtime=replace(recipe.runtime, device="cpu"),
            generate=HOW,
        ),
        paths,
    )


def by_name(samples: list[Sample]) -> dict[tuple[str, str], Sample]:
    return {(sample.song_id, sample.model): sample for sample in samples}


def codes_of(paths: Paths, sample: Sample) -> np.ndarray:
    assert sample.codes
    with np.load(paths.samples / sample.codes, allow_pickle=False) as lanes:
        return np.stack([lanes["vocal"][0], lanes["instrumental"][0]])


def test_every_song_is_there_as_original_roundtrip_base_and_tuned(
    project: tuple[Recipe, Paths], codec_path: Path
) -> None:
    recipe, paths = project
    summary = main(recipe, paths)
    samples = read_samples(paths.samples)
    assert [(sample.song_id, sample.model) for sample in samples] == [
        (song, model)
        for song in ("a/one", "two")
        for model in ("original", "roundtrip", "base", "tuned")
    ]
    codec = load_codec("melrvq", codec_path)
    files = {"samples.json"}
    for sample in samples:
        assert set(sample.files) == set(sample.statistics) == {"vocal", "instrumental", "mix"}
        for track, name in sample.files.items():
            audio, rate = soundfile.read(paths.samples / name, dtype="float32")
            assert (rate, audio.ndim) == (codec.sample_rate, 1)
            assert audio.size / rate == pytest.approx(sample.seconds, abs=1e-5)
            assert sample.statistics[track].peak == pytest.approx(np.abs(audio).max(), abs=1e-4)
            files.add(name)
        if sample.codes:
            codes = codes_of(paths, sample)
            assert codes.max() < 32, "a code that the codec does not have"
            assert sum(section.seconds for section in sample.sections) == pytest.approx(
                codes.shape[1] / 50
            )
            files.add(sample.codes)
        if sample.tokens:
            files.add(sample.tokens)
    assert {path.name for path in paths.samples.iterdir()} == files
    assert summary.made.startswith("4 songs")


def test_both_models_draw_with_the_same_numbers_and_songs_with_others(
    project: tuple[Recipe, Paths],
) -> None:
    recipe, paths = project
    main(recipe, paths)
    found = by_name(read_samples(paths.samples))
    seeds = {key: sample.seed for key, sample in found.items()}
    assert seeds["a/one", "base"] == seeds["a/one", "tuned"] == 3
    assert seeds["two", "base"] == seeds["two", "tuned"] == 4
    assert seeds["two", "roundtrip"] is None
    base, tuned = (codes_of(paths, found["two", model]) for model in ("base", "tuned"))
    assert not np.array_equal(base, tuned), "the adapter changes nothing"


def test_references_are_the_sections_of_the_recording(project: tuple[Recipe, Paths]) -> None:
    recipe, paths = project
    main(recipe, paths)
    found = by_name(read_samples(paths.samples))
    codes = np.load(paths.codes / "two.vocal.npy")
    expected = np.concatenate([codes[0, :15], codes[0, 100:115]])  # 0.3 s are 15 frames
    assert np.array_equal(codes_of(paths, found["two", "roundtrip"])[0], expected)
    audio = np.load(paths.audio / "two.vocal.npy")
    expected = np.concatenate([audio[: 15 * 320], audio[100 * 320 : 115 * 320]])
    wav, _ = soundfile.read(paths.samples / "two.original.vocal.wav", dtype="float32")
    assert np.allclose(wav, expected, atol=1e-4)


def test_the_same_recipe_gives_the_same_bytes(project: tuple[Recipe, Paths]) -> None:
    recipe, paths = project
    main(recipe, paths)
    first = folder_digest(paths.samples)
    main(recipe, paths)
    assert folder_digest(paths.samples) == first
    main(replace(recipe, generate=replace(HOW, seed=4)), paths)
    assert folder_digest(paths.samples) != first


def test_without_comparison_only_the_tuned_model_sings_the_same(
    project: tuple[Recipe, Paths],
) -> None:
    """Merging the adapter, and who else sings, leave a song as it is."""
    recipe, paths = project
    main(recipe, paths)
    expected = {
        key: codes_of(paths, sample)
        for key, sample in by_name(read_samples(paths.samples)).items()
        if sample.model == "tuned"
    }
    main(replace(recipe, generate=replace(HOW, compare_base=False)), paths)
    found = by_name(read_samples(paths.samples))
    assert {model for _, model in found} == {"original", "roundtrip", "tuned"}
    for key, codes in expected.items():
        assert np.array_equal(codes_of(paths, found[key]), codes)


def documents(recipe: Recipe, paths: Paths) -> dict[str, np.ndarray]:
    """The songs' documents as the stage mmap would write them."""
    options = setup_of(recipe, paths.root).options
    text, codec = TextTokenizer(Path(recipe.tokens.tokenizer)), codec_range(recipe.codec.name)
    assembler = Assembler(paths.work, text, codec, options)
    rows = [row for row in read_rows(paths.songs, options) if isinstance(row, SongRow)]
    return {row.id: assembler.assemble(row).document.tokens for row in rows}


@pytest.mark.parametrize(
    ("tokens", "books"),
    [
        ({}, 1),
        ({"codebooks": 2}, 2),
        ({"layout": "interleave"}, 1),
        ({"layout": "icl", "prompt_seconds": 0.5}, 1),
        ({"layout": "icl", "audio_prompt": "vocal", "codebooks": 2}, 2),
    ],
)
def test_samples_keep_the_documents_that_training_would_make_of_them(
    project: tuple[Recipe, Paths], tokens: dict[str, Any], books: int
) -> None:
    """A prompt of the song is the song's own document up to its first code, and so on."""
    recipe, paths = project
    recipe = replace(recipe, tokens=replace(recipe.tokens, **tokens))
    main(recipe, paths)
    for sample in read_samples(paths.samples):
        if sample.model not in ("base", "tuned"):
            assert sample.tokens is None
            continue
        assert sample.tokens
        said = np.load(paths.samples / sample.tokens, allow_pickle=False)
        shape = Shape.of(
            codec_range("melrvq").first(books),
            setup_of(recipe, paths.root).options,
            tuple(TextTokenizer(Path(recipe.tokens.tokenizer)).encode(REFERENCE_MARKER).tolist()),
        )
        blocks = audio_blocks(said, shape)
        trained = documents(recipe, paths)[sample.song_id]
        expected = audio_blocks(trained, shape)
        assert len(blocks) == len(expected)
        start = blocks[int(blocks[0].is_prompt)].start
        assert np.array_equal(said[:start], trained[:start])
        with np.load(paths.samples / sample.codes, allow_pickle=False) as codes:
            for lane, track in enumerate(("vocal", "instrumental")):
                sung = [block.lanes[lane] for block in blocks if not block.is_prompt]
                assert np.array_equal(np.concatenate(sung, axis=1), codes[track])
                assert len(codes[track]) == books


def test_stage_2_adds_codebooks_to_what_both_models_sang(
    project: tuple[Recipe, Paths], base_path: Path
) -> None:
    recipe, paths = project
    main(recipe, paths)
    sung = {s.name: codes_of(paths, s) for s in read_samples(paths.samples) if s.codes}
    main(replace(recipe, generate=replace(HOW, stage2=str(base_path))), paths)
    for sample in read_samples(paths.samples):
        if sample.codes:
            assert np.array_equal(codes_of(paths, sample), sung[sample.name]), "codebook 0 changed"
            with np.load(paths.samples / sample.codes) as codes:
                assert codes["vocal"].shape == (2, sung[sample.name].shape[1])
                assert codes["vocal"][1].any()


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("mix", "To hear songs, train with tokens.layout cot or icl or interleave"),
        ("stage2", "--adapter work/adapter --output-dir PROJECT/models/stage2/mine` and set "),
    ],
)
def test_layouts_that_are_not_sung_end_well_without_songs(
    project: tuple[Recipe, Paths], layout: str, words: str
) -> None:
    recipe, paths = project
    main(recipe := replace(recipe, tokens=replace(recipe.tokens, layout=layout)), paths)
    assert [file.name for file in paths.samples.iterdir()] == ["samples.json"]
    assert read_samples(paths.samples) == []
    assert words in main(recipe, paths).next
    with pytest.raises(YueError, match=f"no songs can be generated after tokens.layout {layout}"):
        setup_of(recipe, paths.root)


def test_training_songs_are_called_so(project: tuple[Recipe, Paths]) -> None:
    recipe, paths = project
    write_json(paths.split, {"train": ["two"], "valid": ["a/one"]})
    assert "training songs" in main(recipe, paths).rejected


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the model was loaded before everything was checked")

    monkeypatch.setattr(LlamaForCausalLM, "from_pretrained", refuse)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"codec": {"path": "/none"}}, "no melrvq codec in /none"),
        ({"codec": {"name": "dac16k"}}, "no .*dac16k"),
        ({"tokens": {"codebooks": 3}, "codec": {"codebooks": 3}}, "2 codebooks, and .* have 3"),
        ({"generate": {"stage2": "/none"}}, "no stage-2 model in /none"),
        ({"generate": {"stage2": "BASE"}, "tokens": {"codebooks": 2}}, "adds codebooks to one"),
        ({"generate": {"audio_prompt": "/none.wav"}}, "/none.wav"),
        ({"tokens": {"tokenizer": "/none"}}, "/none: no such tokenizer"),
        ({"model": {"path": "/none"}}, "no base model in /none"),
        (
            {"generate": {"seconds": 60.0}},
            r"(?s)song 'a/one', section 1 \[.*\]: .* exceed .*--seconds",
        ),
        ({"generate": {"seconds": 0.01}}, "no frame at 50 frames a second"),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_loaded(
    project: tuple[Recipe, Paths], change: dict[str, dict[str, Any]], words: str
) -> None:
    recipe, paths = project
    for section, values in change.items():
        values = {k: recipe.model.path if v == "BASE" else v for k, v in values.items()}
        recipe = replace(recipe, **{section: replace(getattr(recipe, section), **values)})
    with pytest.raises(YueError, match=words):
        main(recipe, paths)
    assert not paths.samples.exists()


@pytest.mark.usefixtures("no_weights")
def test_an_adapter_of_other_weights_is_refused_and_the_base_model_s_digest_is_kept(
    project: tuple[Recipe, Paths], adapter_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.digests._FRESH", -(10**18))  # as if written long ago
    recipe, paths = project
    paths.adapter.unlink()
    shutil.copytree(adapter_path, paths.adapter)
    record = {"base_digest": "0" * 64, "recipe": sections_of(recipe)}
    write_json(paths.adapter / "run.json", record)
    with pytest.raises(YueError, match="trained on other weights"):
        main(recipe, paths)
    assert (paths.side_store / "models" / "digests.json").is_file()


@pytest.mark.usefixtures("no_weights")
def test_a_missing_adapter_is_refused_before_the_model_is_loaded(
    project: tuple[Recipe, Paths],
) -> None:
    recipe, paths = project
    paths.adapter.unlink()
    with pytest.raises(YueError, match=r"no adapter in .*\n.*\n.*dvc repro train"):
        main(recipe, paths)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("index", [None, {"weight_map": {"lm_head.weight": "cut.safetensors"}}])
@pytest.mark.parametrize("key", ["base", "stage2"])
def test_weights_that_are_not_whole_are_refused_before_any_song(
    project: tuple[Recipe, Paths], tmp_path: Path, base_path: Path, key: str, index: object
) -> None:
    recipe, paths = project
    broken = tmp_path / "broken"
    broken.mkdir()
    shutil.copy(base_path / "config.json", broken)
    if index:
        write_json(broken / "model.safetensors.index.json", index)
        with (base_path / "model.safetensors").open("rb") as whole:
            (broken / "cut.safetensors").write_bytes(whole.read(20_000))
    if key == "base":
        recipe = replace(recipe, model=replace(recipe.model, path=str(broken)))
    else:
        recipe = replace(recipe, generate=replace(HOW, stage2=str(broken)))
    with pytest.raises(YueError, match="broken: its weights cannot be read"):
        main(recipe, paths)
    assert not paths.samples.exists()


@pytest.mark.usefixtures("no_weights")
def test_a_base_without_ids_for_the_codec_is_refused(
    project: tuple[Recipe, Paths], tmp_path: Path
) -> None:
    recipe, paths = project
    small = tmp_path / "small"
    small.mkdir()
    write_json(small / "config.json", {"model_type": "llama", "vocab_size": 83_968})
    with pytest.raises(YueError, match="83968 vocabulary rows"):
        main(replace(recipe, model=replace(recipe.model, path=str(small))), paths)


def test_an_adapter_of_another_base_is_refused(
    project: tuple[Recipe, Paths], tmp_path: Path
) -> None:
    recipe, paths = project
    paths.adapter.unlink()
    save_adapter(save_base(tmp_path / "other", layers=3), paths.adapter)
    with pytest.raises(YueError, match="does not fit the base model"):
        main(recipe, paths)


def test_limits_are_in_frames() -> None:
    """At least a second a section and five a song, as far as the longest section allows."""
    assert section_limits(30.0, RATE) == SectionLimits(50, 1500, 250)
    assert section_limits(0.3, RATE) == SectionLimits(15, 15, 250)
    assert section_limits(2.0, Fraction(44_100, 512)) == SectionLimits(87, 172, 431)
    assert section_limits(2.2, RATE, align=8) == SectionLimits(50, 104, 250)

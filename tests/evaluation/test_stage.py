"""The stage in a small project: metrics, tables, and what it says when songs are too few."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from yue.dataset.song_pieces import pieces_of
from yue.dataset.token_files import TokenFiles
from yue.errors import YueError
from yue.evaluation.eval_metrics import read_evaluation
from yue.evaluation.scores import Score, Scorer, score_document
from yue.files import write_json
from yue.lm.load import TunedModel
from yue.paths import Paths
from yue.recipe.differences import sections_of
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.stages.evaluate import main
from yue.tokens.roles import Role, roles_of
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range

ROLES = {
    "vocal": [Role.VOCAL],
    "instrumental": [Role.INSTRUMENTAL],
    "text": [Role.TEXT],
    "audio": [Role.VOCAL, Role.INSTRUMENTAL],
}
Project = Callable[..., tuple[Recipe, Paths]]


@pytest.fixture
def project(
    tmp_path: Path,
    base_path: Path,
    adapter_path: Path,
    tokenizer: TextTokenizer,
    token_folder: Path,
) -> Project:
    """A project whose token files are the split that is named."""

    def make(split: str = "valid") -> tuple[Recipe, Paths]:
        paths = Paths(tmp_path)
        paths.tokens.mkdir(parents=True)
        for file in token_folder.glob("valid.*"):
            shutil.copy(file, paths.tokens / f"{split}{file.suffix}")
        shutil.copytree(adapter_path, paths.adapter)
        recipe = default_recipe()
        return (
            replace(
                recipe,
                model=replace(recipe.model, path=str(base_path), dtype="float32"),
                tokens=replace(recipe.tokens, tokenizer=str(tokenizer.path)),
                train=replace(recipe.train, context_length=400),
                runtime=replace(recipe.runtime, device="cpu"),
            ),
            paths,
        )

    return make


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_metrics_are_means_over_all_tokens(
    project: Project, model: TunedModel, files: TokenFiles
) -> None:
    recipe, paths = project()
    main(recipe, paths)
    found = json.loads((paths.metrics / "eval.json").read_text())
    assert (found["split"], found["held_out"], found["songs"]) == ("valid", True, 3)
    scorer = Scorer(model)
    scored = []
    for document in range(3):
        tokens = files.document(document)
        roles = roles_of(tokens, codec_range("melrvq"))
        scored.append(score_document(scorer, tokens, roles, pieces_of(files, document, 400)))
    scores = np.concatenate([song.scores for song in scored])
    roles = np.concatenate([song.roles for song in scored])
    assert set(found["base"]) == set(found["tuned"]) == set(found["change"]) == set(ROLES)
    for role, members in ROLES.items():
        means = scores[np.isin(roles, members)].mean(0)
        for name, columns in (
            ("base", (Score.BASE_LOSS, Score.BASE_TOP1, Score.BASE_TOP5)),
            ("tuned", (Score.TUNED_LOSS, Score.TUNED_TOP1, Score.TUNED_TOP5)),
        ):
            metrics = found[name][role]
            expected = [means[column] for column in columns]
            assert [metrics["loss"], metrics["top1"], metrics["top5"]] == pytest.approx(
                expected, abs=1e-5
            )
            assert metrics["perplexity"] == pytest.approx(math.exp(expected[0]), rel=1e-4)
            assert metrics["tokens"] == np.isin(roles, members).sum()
        change = found["change"][role]
        assert change["loss"] == pytest.approx(
            means[Score.TUNED_LOSS] - means[Score.BASE_LOSS], abs=1e-5
        )
        assert change["low"] <= change["loss"] <= change["high"]
        assert found["kl_to_base"][role] == pytest.approx(means[Score.KL], abs=1e-5)


def test_tables_hold_the_same_tokens_as_the_metrics(project: Project) -> None:
    recipe, paths = project()
    main(recipe, paths)
    found = json.loads((paths.metrics / "eval.json").read_text())
    folder = paths.metrics / "plots" / "eval"
    tables = {path.stem: read_table(path) for path in folder.iterdir()}
    assert set(tables) == {"roles"} | {
        f"{table}_{track}"
        for table in ("position", "section", "song")
        for track in ("vocal", "instrumental")
    }
    roles = {row["role"]: row for row in tables.pop("roles")}
    assert set(roles) == set(found["change"])
    for role, row in roles.items():
        assert float(row["change"]) == pytest.approx(found["change"][role]["loss"], abs=1e-5)
    for name, rows in tables.items():
        track = name.split("_")[1]
        weights = [int(row["tokens"]) for row in rows]
        for model in ("base", "tuned"):
            mean = np.average([float(row[model]) for row in rows], weights=weights)
            assert mean == pytest.approx(found[model][track]["loss"], abs=1e-5)
    assert [row["section"] for row in read_table(folder / "section_vocal.csv")] == [
        "chorus",
        "verse",
    ]
    assert [row["song"] for row in tables["song_vocal"]] == ["song 0", "song 1", "song 2"]
    places = [int(row["position"]) for row in read_table(folder / "position_vocal.csv")]
    assert places == sorted(places)
    assert 10 < len(places) <= 32


def test_the_same_songs_give_the_same_bytes(project: Project) -> None:
    recipe, paths = project()
    main(recipe, paths)
    first = {path: path.read_bytes() for path in paths.metrics.rglob("*.*")}
    main(recipe, paths)
    assert {path: path.read_bytes() for path in paths.metrics.rglob("*.*")} == first


def test_at_most_so_many_songs_are_scored(project: Project) -> None:
    recipe, paths = project()
    main(replace(recipe, evaluate=replace(recipe.evaluate, max_songs=1)), paths)
    found = json.loads((paths.metrics / "eval.json").read_text())
    assert found["songs"] == 1
    assert set(found["change"]["vocal"]) == {"loss"}  # one song has no interval
    assert read_evaluation(paths.metrics / "eval.json").change["vocal"].low is None


@pytest.mark.parametrize(
    ("split", "held_out", "word"), [("test", True, "test"), ("train", False, "TRAINING songs")]
)
def test_without_held_out_songs_others_are_scored_and_called_so(
    project: Project, split: str, held_out: bool, word: str
) -> None:
    recipe, paths = project(split)
    summary = main(recipe, paths)
    found = json.loads((paths.metrics / "eval.json").read_text())
    assert (found["split"], found["held_out"]) == (split, held_out)
    assert word in summary.made
    assert "split valid has no songs" in summary.rejected


def test_no_token_files_at_all_is_an_error(project: Project) -> None:
    recipe, paths = project()
    shutil.rmtree(paths.tokens)
    with pytest.raises(YueError, match=r"no token files.*\n.*dvc repro mmap"):
        main(recipe, paths)


def test_an_adapter_that_diverged_is_named(project: Project) -> None:
    recipe, paths = project()
    path = paths.adapter / "adapter_model.safetensors"
    weights = safetensors.torch.load_file(path)
    weights[min(weights)][0] = float("nan")
    safetensors.torch.save_file(weights, path)
    with pytest.raises(YueError, match=r"the tuned model's vocal loss is nan"):
        main(recipe, paths)
    assert not (paths.metrics / "eval.json").exists()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({}, None),
        ({"base_digest": "0" * 64}, "base model 000000000000, here "),
        ({"codec": {"name": "melrvq", "digest": "0" * 64}}, None),  # these files do not say
        ({"recipe_name": "other"}, None),
        ({"recipe_name": "other", "changed": 3}, "of the recipe other"),
        ({"changed": 3}, "train.seed 3, here 0"),
    ],
)
def test_an_adapter_of_another_recipe_or_base_is_not_evaluated(
    project: Project, record: dict[str, object], words: str | None
) -> None:
    """`dvc commit -f` can make DVC take one recipe's adapter for another's."""
    recipe, paths = project()
    trained = sections_of(recipe)
    if "changed" in record:
        trained["train"]["seed"] = record["changed"]
    write_json(paths.adapter / "run.json", {"recipe": trained, **record})
    if words is None:
        main(recipe, paths)
        return
    with pytest.raises(YueError) as refused:
        main(recipe, paths)
    assert words in str(refused.value)
    assert not (paths.metrics / "eval.json").exists()

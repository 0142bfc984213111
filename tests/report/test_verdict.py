"""The verdict says no more than the numbers do."""

from __future__ import annotations

import dataclasses

import pytest

from tests.report.conftest import sample, sample_metrics, write_evaluation
from yue.files import write_text
from yue.paths import Paths
from yue.rejections import Rejected, Rejections, write_rejections
from yue.report.facts import read_facts
from yue.report.verdict import judge


@pytest.mark.parametrize(
    ("tuned", "kind", "words"),
    [
        (3.0, "good", "learned: on 6 held-out songs, the loss on the vocal track fell by 25%"),
        (3.9, "mixed", "within the spread between songs"),
        (4.5, "bad", "less likely: on 6 held-out songs, the loss on the vocal track rose by 12%"),
    ],
)  # fmt: skip
def test_the_interval_decides(results: Paths, tuned: float, kind: str, words: str) -> None:
    write_evaluation(results.metrics / "eval.json", tuned)
    verdict = judge(read_facts(results, sample_metrics()), [])
    assert verdict.kind == kind
    assert words in verdict.line
    assert ("do not overlap" in verdict.line) == (kind == "good")


def test_tracks_that_go_apart_are_mixed(results: Paths) -> None:
    facts = read_facts(results, sample_metrics())
    change = dict(facts.evaluation.change)
    change["vocal"] = dataclasses.replace(change["vocal"], loss=0.001, low=0.001, high=0.001)
    evaluation = dataclasses.replace(facts.evaluation, change=change)
    verdict = judge(dataclasses.replace(facts, evaluation=evaluation), [])
    assert verdict.kind == "mixed"
    assert verdict.line.startswith("One track gained and another did not: on 6 held-out songs, ")
    assert "the loss on the vocal track stayed" in verdict.line


def test_training_songs_are_no_proof(results: Paths) -> None:
    write_evaluation(results.metrics / "eval.json", held_out=False, split="train")
    verdict = judge(read_facts(results, sample_metrics()), [])
    assert verdict.kind == "mixed"
    assert "memory and not learning: on 6 training songs" in verdict.line
    assert "was trained on" in verdict.warnings[0]


def test_few_songs_are_said(results: Paths) -> None:
    write_evaluation(results.metrics / "eval.json", songs=2)
    assert (
        "Few songs were held out (2)"
        in judge(read_facts(results, sample_metrics()), []).warnings[0]
    )


def test_overfitting_names_the_best_step(results: Paths) -> None:
    path = next(results.metrics.rglob("valid_loss.tsv"))
    write_text(path, "step\tvalid_loss\n5\t4.0\n10\t3.0\n15\t3.9\n")
    assert any(
        "lowest at step 10" in w for w in judge(read_facts(results, sample_metrics()), []).warnings
    )


@pytest.mark.parametrize(("last", "overfits"), [(3.04, False), (3.09, True), (3.3, True)])
def test_a_rise_of_two_percent_is_overfitting(
    results: Paths, last: float, *, overfits: bool
) -> None:
    path = next(results.metrics.rglob("valid_loss.tsv"))
    write_text(path, f"step\tvalid_loss\n5\t4.0\n10\t3.0\n15\t{last}\n")
    warnings = judge(read_facts(results, sample_metrics()), []).warnings
    assert any("rose after it" in warning for warning in warnings) is overfits


def test_collapsed_samples_are_named(results: Paths) -> None:
    facts = read_facts(results, sample_metrics())
    silent = sample("one", "tuned", results.samples, silence_share=0.9)
    held = sample("two", "tuned", results.samples, longest_run_seconds=3.0)
    healthy = sample("three", "tuned", results.samples)
    warnings = judge(facts, [silent, held, healthy]).warnings
    assert any("one.tuned" in w and "silent for 90%" in w for w in warnings)
    assert any("two.tuned" in w and "holds one sound for 3.0 s" in w for w in warnings)
    assert not any("three" in w for w in warnings)
    base_only = dataclasses.replace(silent, model="base")
    assert judge(facts, [base_only]).warnings == ()


def test_what_recordings_do_too_is_no_collapse(results: Paths) -> None:
    facts = read_facts(results, sample_metrics())
    held = sample("one", "tuned", results.samples, longest_run_seconds=3.0, silence_share=0.7)
    quiet = sample("one", "roundtrip", results.samples, longest_run_seconds=4.0, silence_share=0.8)
    assert judge(facts, [held, quiet]).warnings == ()


def test_the_samples_have_a_sentence(results: Paths) -> None:
    verdict = judge(read_facts(results, sample_metrics()), [])
    assert verdict.samples.startswith("In 4 of 6 numbers, the tuned model's samples are closer")


def test_a_passage_known_by_heart_is_named_unless_recordings_share_as_long_ones(
    results: Paths,
) -> None:
    copied = judge(read_facts(results, sample_metrics(match_seconds=7.5)), [])
    assert "7.5 s of the vocal track are in a training song too" in copied.warnings[0]
    metrics = sample_metrics(match_seconds=7.5)
    metrics.models["roundtrip"] = metrics.models["tuned"]
    assert judge(read_facts(results, metrics), []).warnings == ()


def test_codes_of_a_single_track_are_judged_as_one(results: Paths) -> None:
    facts = read_facts(results, sample_metrics())
    change = {"audio": facts.evaluation.change["audio"]}
    evaluation = dataclasses.replace(facts.evaluation, change=change)
    verdict = judge(dataclasses.replace(facts, evaluation=evaluation), [])
    assert verdict.kind == "good"
    assert "the loss on the codes fell by 25%" in verdict.line


def test_what_was_lost_on_the_way_is_one_share(results: Paths) -> None:
    broken = [Rejected(f"{n}.wav", "it is empty", "remove it") for n in range(2)]
    lost = Rejections(10).after("convert", broken[:1], ()).after("mmap", broken[1:], ())
    write_rejections(results.rejected, lost)
    (warning,) = judge(read_facts(results, sample_metrics()), []).warnings
    assert warning == (
        "2 of 10 songs cannot be used (convert 1, mmap 1), 20%; the data card says why."
    )

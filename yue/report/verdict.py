"""The line at the top of the page: did the adapter learn, and what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from yue.evaluation.metrics import Evaluation
from yue.generation.records import Sample
from yue.report.facts import TRACKS, Facts

FEW_SONGS = 5
"""Below so many held-out songs an interval over songs says little."""

MAX_SILENCE = 0.5
"""A generated track that is silent for a larger share of its time is suspicious."""

MAX_RUN_SECONDS = 1.0
"""A generated track that holds one code for longer is suspicious."""


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Attributes:
        kind: "good", "mixed" or "bad", for the colour.
        line: One sentence.
        warnings: What weakens it, a sentence each.
    """

    kind: str
    line: str
    warnings: tuple[str, ...]


def judge(facts: Facts, samples: Sequence[Sample]) -> Verdict:
    """Judge a run by its held-out loss per track; the samples and the data give warnings."""
    evaluation = facts.evaluation
    tracks = [track for track in TRACKS if track in evaluation.change]
    better = [track for track in tracks if evaluation.change[track].high < 0]
    worse = [track for track in tracks if evaluation.change[track].low > 0]
    told = " and ".join(_told(evaluation, track) for track in tracks)
    if not evaluation.held_out:
        kind, opening = "mixed", "No song was held out, so this shows memory and not learning"
    elif worse or not tracks:
        kind, opening = "bad", "The adapter made held-out songs less likely"
    elif len(better) == len(tracks):
        kind, opening = "good", "The adapter learned"
    else:
        kind, opening = "mixed", "The change is within the spread between songs"
    songs = "song" if evaluation.songs == 1 else "songs"
    where = f"{evaluation.songs} {'held-out' if evaluation.held_out else 'training'} {songs}"
    line = f"{opening}: on {where}, {told}." if told else f"{opening}: no track was measured."
    return Verdict(kind, line, tuple(_warnings(facts, samples)))


def _told(evaluation: Evaluation, track: str) -> str:
    change, base = evaluation.change[track], evaluation.base[track].loss
    verb = "fell" if change.loss < 0 else "rose"
    return f"the loss on the {track} track {verb} by {abs(change.loss) / base:.0%}"


def _warnings(facts: Facts, samples: Sequence[Sample]) -> list[str]:
    evaluation = facts.evaluation
    found = []
    if not evaluation.held_out:
        found.append(
            "The numbers are of songs that the adapter was trained on: there were no others. "
            "Add songs to see whether it generalises."
        )
    elif evaluation.songs < FEW_SONGS:
        found.append(
            f"Few songs were held out ({evaluation.songs}): read the intervals, not the digits."
        )
    found += _overfitting(facts)
    rejected: list[Any] = facts.data.get("rejected", [])
    if rejected:
        found.append(f"{len(rejected)} files or songs were left out; the data card says why.")
    for sample in samples:
        if sample.model == "tuned":
            found += _degenerate(sample)
    return found


def _overfitting(facts: Facts) -> list[str]:
    curve = facts.curves.get("valid_loss")
    if curve is None or len(curve.values) < 2:
        return []
    best = min(range(len(curve.values)), key=curve.values.__getitem__)
    if best == len(curve.values) - 1 or curve.values[-1] < 1.02 * curve.values[best]:
        return []
    return [
        f"The held-out loss was lowest at step {curve.steps[best]:.0f} and rose after it: "
        "train for fewer steps, or lower the rank."
    ]


def _degenerate(sample: Sample) -> list[str]:
    found = []
    for track in TRACKS:
        numbers = sample.statistics.get(track)
        if numbers is None:
            continue
        if numbers.silence_share > MAX_SILENCE:
            found.append(
                f"{sample.name}: the {track} track is silent for {numbers.silence_share:.0%} "
                "of its time."
            )
        if (numbers.longest_run_seconds or 0.0) > MAX_RUN_SECONDS:
            found.append(
                f"{sample.name}: the {track} track holds one sound for "
                f"{numbers.longest_run_seconds:.1f} s."
            )
    return found

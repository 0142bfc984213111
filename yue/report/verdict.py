"""The line at the top of the page: did the adapter learn, and what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from yue.evaluation.eval_metrics import Evaluation
from yue.generation.sample_records import Sample
from yue.report.facts import TRACKS, Facts
from yue.wording import counted

FEW_SONGS = 5
"""Below so many held-out songs an interval over songs says little."""

MAX_SILENCE = 0.5
"""A generated track that is silent for a larger share of its time is suspicious."""

MAX_RUN_SECONDS = 1.0
"""A generated track that holds one code for longer is suspicious."""

MAX_MATCH_SECONDS = 2.0
"""A passage that is in a training song to the code, and longer than this, is suspicious; unless
recordings that were held out have as long ones, silence for instance."""


MAX_RISE = 1.02
"""A held-out loss that ends higher than so many times its lowest is a sign of overfitting."""


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Attributes:
        kind: "good", "mixed" or "bad", for the colour.
        line: One sentence.
        samples: One more about the samples, or "".
        warnings: What weakens it, a sentence each.
    """

    kind: str
    line: str
    samples: str
    warnings: tuple[str, ...]


def judge(facts: Facts, samples: Sequence[Sample]) -> Verdict:
    """Judge a run by its held-out loss per track; the samples and the data give warnings."""
    evaluation = facts.evaluation
    tracks = [track for track in TRACKS if track in evaluation.change]
    tracks = tracks or [track for track in ("audio",) if track in evaluation.change]
    better = [track for track in tracks if evaluation.change[track].is_better]
    worse = [track for track in tracks if evaluation.change[track].is_worse]
    changes = " and ".join(_describe_change(evaluation, track) for track in tracks)
    if not evaluation.held_out:
        kind, opening = "mixed", "No song was held out, so this shows memory and not learning"
    elif any(evaluation.change[track].low is None for track in tracks):
        kind, opening = "mixed", "One song does not tell what other songs would"
    elif better and worse:
        kind, opening = "mixed", "One track gained and another did not"
    elif worse or not tracks:
        kind, opening = "bad", "The adapter made held-out songs less likely"
    elif len(better) == len(tracks):
        kind, opening = "good", "The adapter learned"
    else:
        kind, opening = "mixed", "The change is within the spread between songs"
    where = counted(evaluation.songs, f"{'held-out' if evaluation.held_out else 'training'} song")
    line = f"{opening}: on {where}, {changes}." if changes else f"{opening}: no track was measured."
    if kind == "good" and all(_intervals_are_apart(evaluation, track) for track in tracks):
        line += " The intervals of both models over songs do not overlap."
    return Verdict(kind, line, _compare_samples(facts), tuple(_find_warnings(facts, samples)))


def _compare_samples(facts: Facts) -> str:
    compared = facts.samples.comparisons()
    if not compared:
        return ""
    closer = sum(comparison.closer == "tuned" for comparison in compared)
    return (
        f"In {closer} of {len(compared)} numbers, the tuned model's samples are closer to "
        f"{'held-out songs' if facts.evaluation.held_out else 'the songs'} than the base model's."
    )


def _intervals_are_apart(evaluation: Evaluation, track: str) -> bool:
    high, low = evaluation.tuned[track].high, evaluation.base[track].low
    return high is not None and low is not None and high < low


def _describe_change(evaluation: Evaluation, track: str) -> str:
    change, base = evaluation.change[track], evaluation.base[track].loss
    what = "the codes" if track == "audio" else f"the {track} track"
    share = f"{abs(change.loss) / base:.0%}"
    if share == "0%":
        return f"the loss on {what} stayed"
    return f"the loss on {what} {'fell' if change.loss < 0 else 'rose'} by {share}"


def _find_warnings(facts: Facts, samples: Sequence[Sample]) -> list[str]:
    evaluation = facts.evaluation
    found = []
    if not evaluation.held_out:
        found.append(
            "The numbers are of songs that the adapter was trained on: there were no others. "
            "Add songs to see whether it generalises."
        )
    elif evaluation.songs < FEW_SONGS:
        found.append(
            "One song was held out: no interval says how far the digits are to be trusted."
            if evaluation.songs == 1
            else f"Few songs were held out ({evaluation.songs}): read the intervals, not the "
            "digits."
        )
    found += _warn_of_overfitting(facts)
    if facts.rejections.lost:
        share = f"{facts.rejections.share:.0%}"
        found.append(f"{facts.rejections.in_words()}, {share}; the data card says why.")
    recorded = {sample.song_id: sample for sample in samples if sample.model == "roundtrip"}
    for sample in samples:
        if sample.model == "tuned":
            found += _warn_of_collapse(sample, recorded.get(sample.song_id))
    return found + _warn_of_copies(facts)


def _warn_of_copies(facts: Facts) -> list[str]:
    found = []
    recorded = facts.samples.models.get("roundtrip", {})
    for track, measures in facts.samples.models.get("tuned", {}).items():
        usual = recorded[track].match_seconds if track in recorded else None
        match = measures.match_seconds or 0.0
        if match > max(MAX_MATCH_SECONDS, usual or 0.0):
            found.append(
                f"{match:.1f} s of the {track} track are in a training song too, to the code: the "
                "adapter may have learned songs by heart."
            )
    return found


def _warn_of_overfitting(facts: Facts) -> list[str]:
    curve = facts.curves.get("valid_loss")
    if curve is None or len(curve.values) < 2:
        return []
    best = min(range(len(curve.values)), key=curve.values.__getitem__)
    if best == len(curve.values) - 1 or curve.values[-1] < MAX_RISE * curve.values[best]:
        return []
    return [
        f"The held-out loss was lowest at step {curve.steps[best]:.0f} and rose after it: "
        "train for fewer steps, or lower the rank."
    ]


def _warn_of_collapse(sample: Sample, recorded: Sample | None) -> list[str]:
    """Warn of what looks collapsed in a sample, unless its recording does too."""
    found = []
    for track in TRACKS:
        numbers = sample.statistics.get(track)
        if numbers is None:
            continue
        usual = recorded.statistics.get(track) if recorded else None
        silence = max(MAX_SILENCE, usual.silence_share if usual else 0.0)
        hold = max(MAX_RUN_SECONDS, (usual.longest_run_seconds or 0.0) if usual else 0.0)
        if numbers.silence_share > silence:
            found.append(
                f"{unquote(sample.name)}: the {track} track is silent for "
                f"{numbers.silence_share:.0%} of its time."
            )
        if (numbers.longest_run_seconds or 0.0) > hold:
            found.append(
                f"{unquote(sample.name)}: the {track} track holds one sound for "
                f"{numbers.longest_run_seconds:.1f} s."
            )
    return found

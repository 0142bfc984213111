"""The table of likeness colours the tuned model's numbers alone."""

from __future__ import annotations

from tests.report.conftest import sample_metrics
from yue.report.detail_tables import likeness


def test_only_the_tuned_column_is_coloured_by_which_model_is_closer() -> None:
    """Closer in divergence and entropy (green); in the match as far as the base (no colour)."""
    vocal, instrumental = likeness(sample_metrics(silence_share=0.9))
    assert (vocal.track, instrumental.track) == ("vocal", "instrumental")
    assert vocal.models == ("original", "roundtrip", "base", "tuned")
    styles = {row.label: [cell.style for cell in row.cells] for row in vocal.rows}
    assert styles == {
        "entropy of codes, bits": ["", "", "", "good"],
        "divergence of codes, bits": ["", "", "", "good"],
        "longest match with training, s": ["", "", "", ""],
        "silence, %": ["", "", "", "bad"],
        "loudness, LUFS": ["", "", "", ""],
    }

"""Which pair of stems a song's tracks make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import RATE, music
from yue.audio.converted_tracks import ConvertedTrack
from yue.audio.decoders import Samples
from yue.audio.stem_pairs import make_pair
from yue.errors import AudioError

VOCAL, BAND = music(2, seed=1), music(2, seed=2)
ALL = {"vocal": VOCAL, "instrumental": BAND, "mixture": VOCAL + BAND}


def track(role: str, samples: Samples, folder: Path) -> ConvertedTrack:
    np.save(folder / f"{role}.npy", samples)
    seconds = len(samples) / RATE
    return ConvertedTrack(
        song_id="a", role=role, path=f"{role}.npy", source=f"{role}.wav", sample_rate=RATE,
        samples=len(samples), seconds=seconds, gain_db=0, trim_start=0, peak=1, rms_db=0,
        lufs=None, clipped_share=0, dc=0, silence_share=0, digest="00",
    )  # fmt: skip


def tracks(folder: Path, *roles: str) -> dict[str, ConvertedTrack]:
    return {role: track(role, ALL[role], folder) for role in roles}


@pytest.mark.parametrize("roles", [("vocal", "instrumental"), ("vocal", "instrumental", "mixture")])
def test_a_pair_is_taken_as_it_is(tmp_path: Path, roles: tuple[str, ...]) -> None:
    pair = make_pair(tracks(tmp_path, *roles), tmp_path, "reject")
    assert (pair.kind, pair.derived) == ("stems", ())
    np.testing.assert_array_equal(pair.vocal, VOCAL)
    np.testing.assert_array_equal(pair.instrumental, BAND)
    assert (pair.mixture is not None) == ("mixture" in roles)


@pytest.mark.parametrize(
    ("given", "derived"), [("vocal", "instrumental"), ("instrumental", "vocal")]
)
def test_the_other_half_is_the_rest_of_the_mixture(
    tmp_path: Path, given: str, derived: str
) -> None:
    pair = make_pair(tracks(tmp_path, given, "mixture"), tmp_path, "reject")
    assert (pair.kind, pair.derived) == ("stems", (derived,))
    made = pair.vocal if derived == "vocal" else pair.instrumental
    np.testing.assert_allclose(made, ALL[derived], atol=1e-6)


@pytest.mark.parametrize("role", ["mixture", "instrumental"])
def test_a_song_without_a_vocal_is_instrumental_or_rejected(tmp_path: Path, role: str) -> None:
    pair = make_pair(tracks(tmp_path, role), tmp_path, "instrumental")
    assert (pair.kind, pair.derived) == ("instrumental", ("vocal",))
    np.testing.assert_array_equal(pair.instrumental, ALL[role])
    assert pair.vocal.shape == ALL[role].shape
    assert not pair.vocal.any()
    with pytest.raises(AudioError, match=r"separate\.missing is reject"):
        make_pair(tracks(tmp_path, role), tmp_path, "reject")


def test_a_separated_vocal_leaves_the_rest_of_the_mixture(tmp_path: Path) -> None:
    estimate = 0.8 * VOCAL
    pair = make_pair(tracks(tmp_path, "mixture"), tmp_path, "separate", estimate)
    assert (pair.kind, pair.derived) == ("stems", ("vocal", "instrumental"))
    np.testing.assert_allclose(pair.vocal + pair.instrumental, ALL["mixture"], atol=1e-6)


def test_one_recording_under_both_names_is_rejected(tmp_path: Path) -> None:
    found = tracks(tmp_path, "vocal")
    found["instrumental"] = track("instrumental", 0.5 * VOCAL, tmp_path)
    with pytest.raises(AudioError, match="are the same recording"):
        make_pair(found, tmp_path, "instrumental")
    found["instrumental"] = track("instrumental", 0 * VOCAL, tmp_path)  # a cappella
    assert make_pair(found, tmp_path, "instrumental").kind == "stems"


def test_a_vocal_alone_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="vocal track only"):
        make_pair(tracks(tmp_path, "vocal"), tmp_path, "instrumental")


def test_a_vocal_that_is_not_in_the_mixture_is_rejected(tmp_path: Path) -> None:
    shifted = np.roll(VOCAL, 137) * 2
    found = {"vocal": track("vocal", shifted, tmp_path), **tracks(tmp_path, "mixture")}
    with pytest.raises(AudioError, match="makes the rest louder"):
        make_pair(found, tmp_path, "instrumental")


def test_tracks_of_two_lengths_are_rejected(tmp_path: Path) -> None:
    found = {"vocal": track("vocal", VOCAL[:-1], tmp_path), **tracks(tmp_path, "mixture")}
    with pytest.raises(AudioError, match="not of one length"):
        make_pair(found, tmp_path, "instrumental")


def test_what_is_no_mono_array_is_named(tmp_path: Path) -> None:
    found = tracks(tmp_path, "vocal", "instrumental")
    np.save(tmp_path / "vocal.npy", np.zeros((2, 10), np.float32))
    with pytest.raises(AudioError, match="has 2 channels"):
        make_pair(found, tmp_path, "reject")
    np.save(tmp_path / "vocal.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(AudioError, match=r"vocal\.npy"):
        make_pair(found, tmp_path, "reject")
    (tmp_path / "vocal.npy").unlink()
    with pytest.raises(AudioError, match=r"vocal\.npy"):
        make_pair(found, tmp_path, "reject")

"""Vocals of songs that have only a mixture, through the store: each song is separated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yue.audio.converted_tracks import MIXTURE, ConvertedTrack
from yue.audio.separator import find_weights, load_separator, write_vocal
from yue.digests import Digests
from yue.errors import AudioError
from yue.files import value_digest
from yue.progress import progress_bar
from yue.recipe.model import Recipe
from yue.rejections import Rejected, rejection
from yue.store import Store

_VERSION = 1  # part of every store key: raise it when other samples come out
_VOCAL = "vocal.npy"


@dataclass(frozen=True)
class SeparationSettings:
    """What is needed to separate.

    Attributes:
        songs_dir: Where the rows' sources are.
        weights: The file of weights.
        digest: Its content's.
        device: ``auto``, ``cpu`` or ``cuda``.
        resampler: The recipe's.
    """

    songs_dir: Path
    weights: Path
    digest: str
    device: str
    resampler: str


def separation_of(
    recipe: Recipe, root: Path, songs_dir: Path, store: Path
) -> SeparationSettings | None:
    """Return what a recipe says of separating; None if songs without stems are not separated.

    Args:
        recipe: Its sections separate, convert and runtime are read.
        root: The folder that ``separate.weights`` is relative to.
        songs_dir: The songs.
        store: Where digests are kept.

    Raises:
        AudioError: There are no weights.
    """
    if recipe.separate.missing != "separate":
        return None
    weights = find_weights(root / recipe.separate.weights)
    digests = Digests(store)
    digest = digests.of(weights)
    digests.save(weights.parent)
    device, resampler = recipe.runtime.device, recipe.convert.resampler
    return SeparationSettings(songs_dir, weights, digest, device, resampler)


@dataclass(frozen=True)
class VocalEstimates:
    """What became of the songs.

    Attributes:
        vocals: Song, or piece of one, to a float32 .npy of the whole source's vocal.
        failed: Song to why there is none.
    """

    vocals: dict[str, Path]
    failed: dict[str, Rejected]


def estimate_vocals(
    songs: Mapping[str, Mapping[str, ConvertedTrack]], separation: SeparationSettings, store: Store
) -> VocalEstimates:
    """Estimate the vocal of every song that has only a mixture.

    Args:
        songs: Song to role to its track.
        separation: How.
        store: Where finished vocals are kept.
    """
    wanting = {song: tracks[MIXTURE] for song, tracks in songs.items() if set(tracks) == {MIXTURE}}
    keys = {song: _store_key(track, separation) for song, track in wanting.items()}
    # Pieces of one song have one source, which is separated once.
    absent = {key: song for song, key in keys.items() if store.find(key) is None}
    failed = _separate_sources(
        {key: wanting[song] for key, song in absent.items()}, separation, store
    )
    estimates = VocalEstimates({}, {})
    for song, key in keys.items():
        entry = store.find(key)
        if entry is not None:
            estimates.vocals[song] = entry / _VOCAL
        else:
            estimates.failed[song] = rejection(failed[key], song)
    return estimates


def _store_key(track: ConvertedTrack, separation: SeparationSettings) -> str:
    # A track's digest is of its source and of all settings of its conversion.
    made_from = [track.digest, track.sample_rate, separation.digest, separation.resampler]
    return value_digest(["vocal", _VERSION, made_from])


def _separate_sources(
    tracks: Mapping[str, ConvertedTrack], separation: SeparationSettings, store: Store
) -> dict[str, AudioError]:
    """Separate sources into the store; return why some cannot be."""
    if not tracks:
        return {}
    separator = load_separator(separation.weights, separation.device)
    failed = {}
    with progress_bar("separate", len(tracks), "songs") as bar:
        for key, track in tracks.items():
            source = separation.songs_dir / track.source
            with store.scratch() as folder:
                try:
                    write_vocal(
                        source,
                        track.source,
                        separator,
                        track.sample_rate,
                        separation.resampler,
                        folder / _VOCAL,
                    )
                except AudioError as error:
                    failed[key] = error
                else:
                    store.add(key, folder)
            bar.update()
    return failed

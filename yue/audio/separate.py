"""Converted tracks to pairs of stems and the stretches with singing, through the store."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from yue.audio.activity import singing_spans
from yue.audio.memo import finish
from yue.audio.pairs import Pair, make_pair
from yue.audio.rejected import Rejected, rejection
from yue.audio.rows import INSTRUMENTAL, MIXTURE, VOCAL, Stems, Track
from yue.errors import AudioError
from yue.files import read_json, safe_name, value_digest
from yue.recipe.model import Separate
from yue.store import Store

_VERSION = 1  # part of every store key: raise it when other results come out
_RESULT, _DERIVED = "result.json", "derived.npy"


@dataclass(frozen=True)
class Separated:
    """What became of the converted songs.

    Attributes:
        songs: The pairs.
        rejected: What was left out.
        reused: How many of the songs came from the store.
    """

    songs: tuple[Stems, ...]
    rejected: tuple[Rejected, ...]
    reused: int


@dataclass(frozen=True)
class _Job:
    """One song's work, as it is sent to a worker."""

    song_id: str
    tracks: Mapping[str, Track]
    key: str
    base: Path
    settings: Separate
    store: Path


def separate_tracks(
    tracks: Sequence[Track],
    base: Path,
    folder: Path,
    prefix: str,
    settings: Separate,
    *,
    store: Path,
    workers: int,
) -> Separated:
    """Pair the tracks of every song and find its singing.

    Args:
        tracks: The rows of audio.jsonl.
        base: The folder that their paths are relative to.
        folder: An empty folder for the tracks that are made here.
        prefix: What the paths of those begin with, relative to ``base``.
        settings: The recipe's section.
        store: Where finished songs are kept.
        workers: Processes; 0 is one for each core.
    """
    jobs = _jobs(tracks, base, settings, store)
    entries = Store(store)
    done = finish(jobs, _run, store=entries, workers=workers, label="separate")
    songs = [
        _adopt(job, entries, done.folders[job.song_id], folder, prefix)
        for job in jobs
        if job.song_id in done.folders
    ]
    return Separated(
        songs=tuple(songs),
        rejected=tuple(sorted(done.failed.values(), key=lambda entry: entry.what)),
        reused=done.reused,
    )


def _jobs(tracks: Sequence[Track], base: Path, settings: Separate, store: Path) -> list[_Job]:
    songs: dict[str, dict[str, Track]] = defaultdict(dict)
    for track in tracks:
        songs[track.song_id][track.role] = track
    jobs = []
    for song_id, roles in sorted(songs.items()):
        # A piece is known by its song's digest and its place in it.
        inputs = {role: [track.digest, track.trim_start] for role, track in roles.items()}
        key = value_digest(["separate", _VERSION, inputs, asdict(settings)])
        jobs.append(_Job(song_id, roles, key, base, settings, store))
    return jobs


def _run(job: _Job) -> Rejected | None:
    """Pair one song into the store (in a worker)."""
    store = Store(job.store)
    try:
        pair = make_pair(job.tracks, job.base, job.settings.missing)
    except AudioError as error:
        return rejection(error, job.song_id)
    rate = next(iter(job.tracks.values())).sample_rate
    mixture = pair.mixture if pair.mixture is not None else pair.vocal + pair.instrumental
    spans = singing_spans(pair.vocal, mixture, rate, job.settings.vocal_threshold_db)
    result = {"kind": pair.kind, "derived": pair.derived, "singing": spans}
    with store.scratch() as folder:
        (folder / _RESULT).write_text(json.dumps(result))
        if pair.derived is not None:
            np.save(folder / _DERIVED, _derived(pair))
        store.add(job.key, folder)
    return None


def _derived(pair: Pair) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return pair.vocal if pair.derived == VOCAL else pair.instrumental


def _adopt(job: _Job, store: Store, entry: Path, folder: Path, prefix: str) -> Stems:
    """Put what was made for a song from its store entry into the output; its row."""
    result = read_json(entry / _RESULT)
    paths = {role: track.path for role, track in job.tracks.items()}
    if result["kind"] == INSTRUMENTAL:
        paths.setdefault(INSTRUMENTAL, paths.get(MIXTURE, ""))
    if result["derived"] is not None:
        name = f"{safe_name(job.song_id)}.{result['derived']}.npy"
        store.place(entry / _DERIVED, folder / name)
        paths[result["derived"]] = f"{prefix}/{name}"
    track = next(iter(job.tracks.values()))
    sung = sum(end - start for start, end in result["singing"])
    return Stems(
        song_id=job.song_id,
        vocal=paths[VOCAL],
        instrumental=paths[INSTRUMENTAL],
        mixture=paths.get(MIXTURE),
        sample_rate=track.sample_rate,
        samples=track.samples,
        seconds=track.seconds,
        kind=result["kind"],
        singing=tuple((start, end) for start, end in result["singing"]),
        singing_share=round(sung / track.seconds, 6),
    )

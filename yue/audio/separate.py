"""Converted tracks to pairs of stems and the stretches with singing, through the store."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yue.audio.converted_tracks import (
    INSTRUMENTAL,
    MIXTURE,
    VOCAL,
    ConvertedTrack,
    Stems,
    read_samples,
    whole_songs,
    write_stems,
)
from yue.audio.decoders import Samples
from yue.audio.measures import BAND_SHARE, bass_share, singing_spans
from yue.audio.stem_pairs import UNSEPARATED, make_pair
from yue.audio.vocal_estimates import SeparationSettings, VocalEstimates, estimate_vocals
from yue.errors import AudioError
from yue.files import atomic_folder, read_json, safe_name, value_digest, write_array
from yue.recipe.model import Separate
from yue.rejections import Rejected, Rejections, check_share, rejection, write_rejections
from yue.store import Store, finish

_VERSION = 3  # part of every store key: raise it when other results come out
_RESULT = "result.json"


@dataclass(frozen=True)
class SeparatedSongs:
    """What became of the converted songs.

    Attributes:
        songs: The pairs.
        rejections: What this stage and earlier ones left out.
        reused: How many of the songs came from the store.
    """

    songs: tuple[Stems, ...]
    rejections: Rejections
    reused: int


@dataclass(frozen=True)
class _SeparateJob:
    """One song's work, as it is sent to a worker."""

    song_id: str
    tracks: Mapping[str, ConvertedTrack]
    key: str
    base: Path
    settings: Separate
    store: Path
    vocal: Path | None


def separate_folder(
    tracks: Sequence[ConvertedTrack],
    earlier: Rejections,
    base: Path,
    output: Path,
    settings: Separate,
    *,
    separation: SeparationSettings | None,
    store: Path,
    workers: int,
    max_rejected_share: float | None = None,
    whole_list: Path | None = None,
) -> SeparatedSongs:
    """Write ``stems.jsonl``, the tracks made here and ``rejected.json``, all or nothing.

    Args:
        tracks: The rows of audio.jsonl.
        earlier: What earlier stages left out.
        base: The folder that paths in rows are relative to; it holds ``output``.
        output: The folder to make; a former one is replaced.
        settings: The recipe's section.
        separation: How to separate mixtures, if that is what songs without stems become.
        store: Where finished songs are kept.
        workers: Processes; 0 is one for each core.
        max_rejected_share: Share of the songs that may be lost, 0..1; None checks nothing.
        whole_list: Where the rejections are written when they are too many.

    Raises:
        YueError: More songs cannot be used than allowed.
    """
    whole = whole_songs(tracks)
    with atomic_folder(output) as folder:
        prefix = output.relative_to(base).as_posix()
        pairs, rejected, reused = _pair_songs(
            tracks, base, folder, prefix, settings, separation, store, workers
        )
        rejections = earlier.after(
            "separate",
            rejected,
            left={whole[song.song_id] for song in pairs},
            song_of=lambda entry: whole[str(entry.song_id)],
        )
        if max_rejected_share is not None:
            check_share(rejections, max_rejected_share, whole_list)
        write_stems(folder / "stems.jsonl", pairs)
        write_rejections(folder / "rejected.json", rejections)
    return SeparatedSongs(tuple(pairs), rejections, reused)


def _pair_songs(
    tracks: Sequence[ConvertedTrack],
    base: Path,
    folder: Path,
    prefix: str,
    settings: Separate,
    separation: SeparationSettings | None,
    store: Path,
    workers: int,
) -> tuple[list[Stems], list[Rejected], int]:
    """Return the pairs, what was left out, and how many songs came from the store."""
    entries = Store(store)
    songs = _group_by_song(tracks)
    estimates = VocalEstimates({}, {})
    if separation is not None:
        estimates = estimate_vocals(songs, separation, entries)
    jobs = [
        _SeparateJob(song, roles, _store_key(roles, settings, separation), base, settings, store,
             estimates.vocals.get(song))
        for song, roles in sorted(songs.items())
        if song not in estimates.failed
    ]  # fmt: skip
    done = finish(jobs, _separate_job, store=entries, workers=workers, label="separate")
    pairs = [
        _place_stems(job, entries, done.folders[job.song_id], folder, prefix)
        for job in jobs
        if job.song_id in done.folders
    ]
    rejected = [*done.failed.values(), *estimates.failed.values()]
    return pairs, sorted(rejected, key=lambda entry: entry.what), done.reused


def _group_by_song(tracks: Sequence[ConvertedTrack]) -> dict[str, dict[str, ConvertedTrack]]:
    songs: dict[str, dict[str, ConvertedTrack]] = defaultdict(dict)
    for track in tracks:
        songs[track.song_id][track.role] = track
    return songs


def _store_key(
    roles: Mapping[str, ConvertedTrack], settings: Separate, separation: SeparationSettings | None
) -> str:
    # A piece is known by its song's digest and its place in it.
    inputs = {role: [track.digest, track.trim_start] for role, track in roles.items()}
    weights = separation.digest if separation else None
    how = [settings.missing, settings.vocal_threshold_db, weights]
    return value_digest(["separate", _VERSION, inputs, how])


def _separate_job(job: _SeparateJob) -> Rejected | None:
    """Pair one song into the store (in a worker)."""
    store = Store(job.store)
    rate = next(iter(job.tracks.values())).sample_rate
    try:
        vocal = None if job.vocal is None else _cut_vocal(job.vocal, job.tracks[MIXTURE])
        pair = make_pair(job.tracks, job.base, job.settings.missing, vocal)
        if VOCAL in job.tracks:
            _refuse_band(pair.vocal, rate, job.tracks[VOCAL])
    except AudioError as error:
        return rejection(error, job.song_id)
    mixture = pair.mixture if pair.mixture is not None else pair.vocal + pair.instrumental
    spans = singing_spans(pair.vocal, mixture, rate, job.settings.vocal_threshold_db)
    if vocal is not None and not spans:  # what a separator finds where nobody sings is bleed
        pair = make_pair(job.tracks, job.base, INSTRUMENTAL)
    kind = pair.kind if spans else INSTRUMENTAL
    result = {"kind": kind, "derived": pair.derived, "singing": spans}
    with store.scratch() as folder:
        (folder / _RESULT).write_text(json.dumps(result))
        for role in pair.derived:
            with (folder / f"{role}.npy").open("wb") as stream:
                write_array(stream, pair.vocal if role == VOCAL else pair.instrumental)
        store.add(job.key, folder)
    return None


def _refuse_band(vocal: Samples, rate: int, track: ConvertedTrack) -> None:
    """Refuse an instrumental, or the whole song, that is named as the vocal."""
    share = bass_share(vocal, rate)
    if share >= BAND_SHARE:
        raise AudioError(
            track.source,
            why=f"it is named as a vocal, and {share:.0%} of its power is bass, which no voice has",
            fix="if it is the instrumental or the whole song, rename it (or swap the two stems); "
            "if it is a vocal, filter the rumble below 80 Hz",
        )


def _cut_vocal(path: Path, mixture: ConvertedTrack) -> Samples:
    """Return the part of a source's vocal that belongs to a track of its mixture, with its gain."""
    whole = read_samples(path)
    start = round(mixture.trim_start * mixture.sample_rate)
    part = whole[start : start + mixture.samples] * np.float32(10 ** (mixture.gain_db / 20))
    return np.pad(part, (0, mixture.samples - len(part)))


def _is_unseparated(job: _SeparateJob) -> bool:
    return set(job.tracks) == {MIXTURE} and job.settings.missing == INSTRUMENTAL


def _place_stems(job: _SeparateJob, store: Store, entry: Path, folder: Path, prefix: str) -> Stems:
    """Put what was made for a song from its store entry into the output; return its row."""
    result = read_json(entry / _RESULT)
    paths = {role: track.path for role, track in job.tracks.items()}
    for role in result["derived"]:
        name = f"{safe_name(job.song_id)}.{role}.npy"
        store.place(entry / f"{role}.npy", folder / name)
        paths[role] = f"{prefix}/{name}"
    if INSTRUMENTAL not in paths:  # nobody sings: the mixture is the music
        paths[INSTRUMENTAL] = paths[MIXTURE]
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
        kind=UNSEPARATED if _is_unseparated(job) else result["kind"],
        singing=tuple((start, end) for start, end in result["singing"]),
        singing_share=round(sung / track.seconds, 6),
    )

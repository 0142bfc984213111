"""Many songs to a folder of codes, each song once: finished songs are found in the side store.

The folder has a ``.npy`` of (codebooks, frames) int16 for each track, ``codes.jsonl`` with a row
for each of them, ``codec.json``, and ``rejected.json`` with what was left out.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.codecs.audio_tracks import SongTracks, TrackFile, read_song, track_seconds
from yue.codecs.base import Audio, Codec, Codes
from yue.codecs.card import CodecCard
from yue.codecs.encode_flow import Outcome, batches, encode_flow
from yue.codecs.registry import CodecChoice
from yue.errors import CodecError
from yue.files import (
    atomic_folder,
    file_digest,
    map_array,
    safe_name,
    value_digest,
    write_array,
    write_jsonl,
)
from yue.progress import progress_bar
from yue.rejections import Rejected, Rejections, StageRejections, check_share, write_rejections
from yue.store import Store
from yue.wording import counted
from yue.workers import cores


def tokenize_songs(
    find_songs: Callable[[], Sequence[SongTracks]],
    codec: CodecChoice,
    output: Path,
    *,
    workers: int,
    store: Store | None = None,
    earlier: Rejections | None = None,
    pieces: Callable[[], Mapping[str, str]] = dict,
    limit: float = 1.0,
    whole_list: Path | None = None,
) -> tuple[str, StageRejections]:
    """Write a folder of codes, whole or not at all; a former one is replaced.

    Args:
        find_songs: Returns what to encode; called once the codec's weights are known to be there.
        codec: The codec.
        output: The folder; paths in its rows are relative to its parent.
        workers: As of :func:`encode_songs`.
        store: As of :func:`encode_songs`.
        earlier: What earlier stages left out; None: there were none.
        pieces: Returns piece to its song, where songs were cut; called if something is left out.
        limit: Share of the songs that may be lost.
        whole_list: As of :func:`yue.rejections.check_share`.

    Returns:
        What was made, in words, and what was left out.

    Raises:
        CodecError: The codec cannot be loaded.
        SongError: Too many songs cannot be encoded, or all of them.
    """
    card = codec.card()
    songs = find_songs()
    with atomic_folder(output) as folder:
        done = encode_songs(
            songs, card, codec.load_all, folder, prefix=output.name, store=store, workers=workers
        )
        song_of = pieces() if done.rejected else {}
        out = {entry.song_id for entry in done.rejected}
        rejections = (earlier or Rejections(len(songs))).after(
            "tokenize",
            done.rejected,
            {song_of.get(s.song_id, s.song_id) for s in songs if s.song_id not in out},
            song_of=lambda entry: song_of.get(str(entry.song_id), str(entry.song_id)),
        )
        check_share(rejections, limit, whole_list)
        write_rejections(folder / "rejected.json", rejections)
    return describe_codes(done, card), rejections.at("tokenize")


@dataclass(frozen=True)
class Encoded:
    """What became of the songs.

    Attributes:
        songs: How many have codes.
        tracks: How many tracks they have.
        reused: How many of the songs came from the store.
        rejected: Songs that were left out.
        speed: Seconds of audio encoded a second; 0 if all came from the store.
    """

    songs: int
    tracks: int
    reused: int
    rejected: tuple[Rejected, ...]
    speed: float


def encode_songs(
    songs: Sequence[SongTracks],
    card: CodecCard,
    load: Callable[[], Sequence[Codec]],
    folder: Path,
    *,
    prefix: str,
    store: Store | None,
    workers: int,
) -> Encoded:
    """Write every song's codes, ``codes.jsonl`` and ``codec.json``.

    Args:
        songs: What to encode.
        card: The codec's.
        load: Loads the codec, once for each device; called only if some song is not in the store.
        folder: An empty folder.
        prefix: What the paths in ``codes.jsonl`` begin with.
        store: Where finished songs are kept, if anywhere.
        workers: Threads that read (and encode, for a codec without a device of its own); 0 is one
            for each core. The codes do not depend on it.
    """
    rejected: dict[str, Rejected] = {}
    seconds = 0.0
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as scratch:
        jobs = [
            _Job(song, _store_key(song, card) if store else "", Path(scratch) / str(number))
            for number, song in enumerate(songs)
        ]
        waiting = [job for job in jobs if not (store and store.restore(job.key, job.made))]
        start = time.monotonic()
        if waiting:
            seconds, rejected = _encode_jobs(waiting, load(), store, workers)
        left = [job for job in jobs if job.song.song_id not in rejected]
        rows = [_publish(job, track, folder, prefix) for job in left for track in job.song.tracks]
    write_jsonl(folder / "codes.jsonl", sorted(rows, key=lambda row: (row["song_id"], row["role"])))
    card.write(folder / "codec.json")
    speed = seconds / (time.monotonic() - start) if seconds else 0.0
    entries = tuple(rejected[song_id] for song_id in sorted(rejected))
    return Encoded(len(left), len(rows), len(jobs) - len(waiting), entries, speed)


def describe_codes(done: Encoded, card: CodecCard) -> str:
    """Word counts, the codec, and the speed where something was encoded."""
    text = (
        f"{counted(done.songs, 'song')} ({done.reused:,} from the store, "
        f"{done.songs - done.reused:,} encoded): {counted(done.tracks, 'track')} in "
        f"{counted(card.codebooks, 'codebook')} of {card.title} at "
        f"{float(card.frame_rate):g} frames/s"
    )
    return f"{text}, {done.speed:.0f} times real time" if done.speed else text


@dataclass(frozen=True)
class _Job:
    """One song, its key in the store, and the folder in which its codes are made."""

    song: SongTracks
    key: str
    made: Path


def _store_key(song: SongTracks, card: CodecCard) -> str:
    tracks = [[track.role, track.digest or file_digest(track.path)] for track in song.tracks]
    return value_digest(["tokenize", card.record(), song.samples, tracks])


def _encode_jobs(
    jobs: Sequence[_Job], codecs: Sequence[Codec], store: Store | None, workers: int
) -> tuple[float, dict[str, Rejected]]:
    """Encode songs; return the seconds of audio that have codes, and the songs that failed."""
    first, threads = codecs[0], workers or cores()
    seconds = [track_seconds(job.song, first.sample_rate) for job in jobs]

    def read(place: int) -> list[Audio]:
        return read_song(jobs[place].song, first)

    def finish(place: int, outcome: Outcome) -> tuple[int, Rejected | None]:
        job = jobs[place]
        if isinstance(outcome, CodecError):
            return place, _reject(job.song.song_id, outcome)
        _save_codes(job, outcome, store)
        return place, None

    # A codec without a device of its own computes on the thread that asks, so each has it.
    flow = encode_flow(
        batches(seconds, first.batch_seconds),
        read,
        finish,
        codecs if first.batch_seconds else [first] * threads,
        readers=threads,
    )
    encoded, rejected = 0.0, {}
    with progress_bar("tokenize", sum(map(math.ceil, seconds)), "s of audio") as bar:
        for place, entry in flow:
            if entry is None:
                encoded += seconds[place]
            else:
                rejected[jobs[place].song.song_id] = entry
            bar.update(math.ceil(seconds[place]))
    return encoded, rejected


def _reject(song_id: str, error: CodecError) -> Rejected:
    reason = f"{error.what} ({error.why})" if error.why else error.what
    return Rejected(f"song '{song_id}'", reason, error.fix, song_id)


def _save_codes(job: _Job, codes: Sequence[Codes], store: Store | None) -> None:
    """Write one song's codes.

    The store has them before this returns, so that whatever happens next loses no finished song.
    """
    job.made.mkdir()
    for track, track_codes in zip(job.song.tracks, codes, strict=True):
        with (job.made / f"{track.role}.npy").open("wb") as stream:
            write_array(stream, track_codes)
    if store:
        store.add(job.key, job.made)


def _publish(job: _Job, track: TrackFile, folder: Path, prefix: str) -> dict[str, str | int]:
    """Move one track's codes into the folder, and return its row."""
    name = f"{safe_name(job.song.song_id)}.{track.role}.npy"
    made = job.made / f"{track.role}.npy"
    frames = map_array(made).shape[1]
    made.rename(folder / name)
    return {
        "song_id": job.song.song_id,
        "role": track.role,
        "path": f"{prefix}/{name}",
        "frames": frames,
    }

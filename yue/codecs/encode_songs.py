"""Encode many songs to a folder of codes, each song once.

Many songs to a folder of codes, each song once: finished songs are found in the side store.

What tokenizing says when it is done.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yue.codecs.audio_tracks import SongFiles, TrackFile, read_song, track_seconds
from yue.codecs.base import Audio, Codec, Codes
from yue.codecs.card import CodecCard
from yue.codecs.encode_flow import Outcome, batches, encode_flow
from yue.errors import CodecError
from yue.files import file_digest, map_array, safe_name, value_digest, write_array, write_jsonl
from yue.progress import progress_bar
from yue.rejections import Rejected, Rejections
from yue.store import Store
from yue.wording import counted
from yue.workers import cores


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

    def rejections(
        self, earlier: Rejections, songs: Sequence[SongFiles], whole: Mapping[str, str]
    ) -> Rejections:
        """Return those of earlier stages with these.

        Args:
            earlier: What earlier stages left out.
            songs: The songs, or pieces of songs, that were to be encoded.
            whole: Piece to its song; what is not in it is a song.
        """
        out = {entry.song_id for entry in self.rejected}
        left = {whole.get(s.song_id, s.song_id) for s in songs if s.song_id not in out}
        return earlier.after(
            "tokenize",
            self.rejected,
            left,
            song_of=lambda entry: whole.get(str(entry.song_id), str(entry.song_id)),
        )


def encode_songs(
    songs: Sequence[SongFiles],
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
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as scratch:
        jobs = [
            _Job(song, _key(song, card) if store else "", Path(scratch) / str(number))
            for number, song in enumerate(songs)
        ]
        waiting = [job for job in jobs if not (store and store.restore(job.key, job.made))]
        start = time.monotonic()
        done = _encode_all(waiting, load(), store, workers) if waiting else _Done()
        left = [job for job in jobs if job.song.song_id not in done.rejected]
        rows = [_publish(job, track, folder, prefix) for job in left for track in job.song.tracks]
    write_jsonl(folder / "codes.jsonl", sorted(rows, key=lambda row: (row["song_id"], row["role"])))
    card.write(folder / "codec.json")
    rejected = tuple(done.rejected[song_id] for song_id in sorted(done.rejected))
    speed = done.seconds / (time.monotonic() - start) if done.seconds else 0.0
    return Encoded(len(left), len(rows), len(jobs) - len(waiting), rejected, speed)


@dataclass(frozen=True)
class _Job:
    """One song, its key in the store, and the folder in which its codes are made."""

    song: SongFiles
    key: str
    made: Path


@dataclass
class _Done:
    """What was encoded now: seconds of audio, and the songs that failed."""

    seconds: float = 0.0
    rejected: dict[str, Rejected] = field(default_factory=dict)


def _encode_all(
    jobs: Sequence[_Job], codecs: Sequence[Codec], store: Store | None, workers: int
) -> _Done:
    done = _Done()
    first, threads = codecs[0], workers or cores()
    seconds = [track_seconds(job.song, first.sample_rate) for job in jobs]

    def read(place: int) -> list[Audio]:
        return read_song(jobs[place].song, first)

    def finish(place: int, outcome: Outcome) -> int:
        job = jobs[place]
        if isinstance(outcome, CodecError):
            done.rejected[job.song.song_id] = _rejected(job.song.song_id, outcome)
        else:
            _keep(job, outcome, store)
            done.seconds += seconds[place]
        return place

    flow = encode_flow(
        batches(seconds, first.batch_seconds),
        read,
        finish,
        codecs if first.batch_seconds else [first] * threads,
        readers=threads,
    )
    with progress_bar("tokenize", sum(map(math.ceil, seconds)), "s of audio") as bar:
        for place in flow:
            bar.update(math.ceil(seconds[place]))
    return done


def _rejected(song_id: str, error: CodecError) -> Rejected:
    reason = f"{error.what} ({error.why})" if error.why else error.what
    return Rejected(f"song '{song_id}'", reason, error.fix, song_id)


def _key(song: SongFiles, card: CodecCard) -> str:
    tracks = [[track.role, track.digest or file_digest(track.path)] for track in song.tracks]
    return value_digest(["tokenize", card.record(), song.samples, tracks])


def _keep(job: _Job, codes: Sequence[Codes], store: Store | None) -> None:
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
    """Move one track's codes into the folder; its row."""
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


def describe_codes(done: Encoded, card: CodecCard) -> str:
    """Counts, the codec, and the speed where something was encoded."""
    text = (
        f"{counted(done.songs, 'song')} ({done.reused:,} from the store, "
        f"{done.songs - done.reused:,} encoded): {counted(done.tracks, 'track')} in "
        f"{counted(card.codebooks, 'codebook')} of {card.title} at "
        f"{float(card.frame_rate):g} frames/s"
    )
    return f"{text}, {done.speed:.0f} times real time" if done.speed else text

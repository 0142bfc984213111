"""A folder of songs to a folder of arrays, through the store: one changed song is its own work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from yue.audio.convert_song import ROWS, VERSION, convert_song
from yue.audio.converted_tracks import ConvertedTrack, read_tracks, write_tracks
from yue.audio.discover import SongFiles, discover_songs, rows_made
from yue.digests import Digests
from yue.errors import AudioError
from yue.files import atomic_folder, safe_name, value_digest
from yue.recipe.model import Convert
from yue.rejections import (
    Rejected,
    Rejections,
    check_share,
    named_song,
    rejection,
    write_rejections,
)
from yue.store import Store, finish


@dataclass(frozen=True)
class ConvertedSongs:
    """What became of a folder of songs.

    Attributes:
        tracks: Every track that was written.
        rejections: What was found, and what of it was left out.
        songs: How many songs were kept (pieces of one song count once).
        reused: How many of them came from the store.
    """

    tracks: tuple[ConvertedTrack, ...]
    rejections: Rejections
    songs: int
    reused: int


@dataclass(frozen=True)
class _ConvertJob:
    """One song's work, as it is sent to a worker."""

    song: SongFiles
    key: str
    songs_dir: Path
    settings: Convert
    store: Path

    @property
    def song_id(self) -> str:
        """The song."""
        return self.song.song_id


def convert_folder(
    songs_dir: Path,
    output: Path,
    settings: Convert,
    *,
    store: Path,
    workers: int,
    max_rejected_share: float,
    whole_list: Path | None = None,
) -> ConvertedSongs:
    """Write the arrays of all songs, ``audio.jsonl`` and ``rejected.json``, all or nothing.

    Paths in the rows begin with the name of ``output``, so they count from its parent.

    Args:
        songs_dir: The songs.
        output: The folder to make; a former one is replaced.
        settings: The recipe's section.
        store: Where finished songs are kept.
        workers: Processes; 0 is one for each core.
        max_rejected_share: Share of the songs that may be lost, 0..1.
        whole_list: Where the rejections are written when they are too many.

    Raises:
        YueError: The folder holds no songs, nor rows of songs, or cannot be read; or more songs
            cannot be used than allowed.
    """
    with atomic_folder(output) as folder:
        done = _convert_songs(songs_dir, folder, output.name, settings, store, workers)
        check_share(done.rejections, max_rejected_share, whole_list)
        write_tracks(folder / ROWS, done.tracks)
        write_rejections(folder / "rejected.json", done.rejections)
    return done


def _convert_songs(
    songs_dir: Path, folder: Path, prefix: str, settings: Convert, store: Path, workers: int
) -> ConvertedSongs:
    discovery = discover_songs(songs_dir)
    rows = sum(1 for _ in rows_made(songs_dir))
    if not discovery.songs and not discovery.rejected and not rows:
        raise AudioError(
            f"{songs_dir}: no songs in it",
            fix="put audio files there (wav, flac, mp3, m4a, ogg, opus, aiff ...)",
        )
    jobs, rejected = _make_jobs(discovery.songs, songs_dir, settings, store)
    entries = Store(store)
    done = finish(jobs, _convert_job, store=entries, workers=workers, label="convert")
    tracks = [
        track
        for job in jobs
        if job.song_id in done.folders
        for track in _place_tracks(job, entries, done.folders[job.song_id], folder, prefix)
    ]
    rejected += done.failed.values()
    # The songs' own faults first: they say why a song is lost, not the score beside it.
    rejected = [*sorted(rejected, key=lambda entry: entry.what), *discovery.rejected]
    found = {song.song_id for song in discovery.songs} | set(map(named_song, discovery.rejected))
    return ConvertedSongs(
        tracks=tuple(tracks),
        rejections=Rejections(len(found), rows).after("convert", rejected, done.folders),
        songs=len(done.folders),
        reused=done.reused,
    )


def _make_jobs(
    songs: Sequence[SongFiles], songs_dir: Path, settings: Convert, store: Path
) -> tuple[list[_ConvertJob], list[Rejected]]:
    """Return jobs for songs whose files can be read, and the songs whose files cannot."""
    memory = Digests(store)

    def job(song: SongFiles) -> _ConvertJob | Rejected:
        digests = {}
        for role, name in sorted(song.tracks.items()):
            try:
                digests[role] = memory.of(songs_dir / name)
            except OSError as error:
                reason = f"it cannot be read ({error.strerror})"
                return Rejected(name, reason, "check the file and its rights", song.song_id)
        key = value_digest(["convert", VERSION, digests, asdict(settings)])
        return _ConvertJob(song, key, songs_dir, settings, store)

    with ThreadPoolExecutor() as threads:
        outcomes = list(threads.map(job, songs))
    memory.save(songs_dir)
    jobs = [outcome for outcome in outcomes if isinstance(outcome, _ConvertJob)]
    # The largest first: no worker is left alone with a long song at the end.
    jobs.sort(key=lambda job: (-_count_bytes(job), job.song_id))
    return jobs, [outcome for outcome in outcomes if isinstance(outcome, Rejected)]


def _count_bytes(job: _ConvertJob) -> int:
    return sum((job.songs_dir / name).stat().st_size for name in job.song.tracks.values())


def _convert_job(job: _ConvertJob) -> Rejected | None:
    """Convert one song into the store (in a worker)."""
    store = Store(job.store)
    files = {role: (job.songs_dir / name, name) for role, name in sorted(job.song.tracks.items())}
    with store.scratch() as folder:
        try:
            convert_song(job.song_id, files, job.settings, folder)
        except AudioError as error:
            return rejection(error, job.song_id)
        store.add(job.key, folder)
    return None


def _place_tracks(
    job: _ConvertJob, store: Store, entry: Path, folder: Path, prefix: str
) -> list[ConvertedTrack]:
    """Put a song's files from its store entry into the output; return its complete rows."""
    tracks = []
    for row in read_tracks(entry / ROWS):
        song_id = job.song_id + row.song_id
        name = f"{safe_name(song_id)}.{row.role}.npy"
        store.place(entry / row.path, folder / name)
        tracks.append(
            replace(
                row,
                song_id=song_id,
                path=f"{prefix}/{name}",
                source=job.song.tracks[row.role],
                digest=job.key,
            )
        )
    return tracks

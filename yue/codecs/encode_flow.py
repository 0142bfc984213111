"""Songs through codecs: read ahead on threads, in batches, one worker for each device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import TypeVar

from yue.codecs.base import Audio, Codec, Codes
from yue.errors import CodecError

Outcome = list[Codes] | CodecError
"""The codes of a song's tracks, or why there are none."""

_AHEAD = 2  # batches that are read while others are encoded
_Result = TypeVar("_Result")


def batches(seconds: Sequence[float], limit: float) -> list[list[int]]:
    """Group songs to encode together, by their places: longest first, equal lengths adjacent.

    Args:
        seconds: Of audio of each song.
        limit: Of a batch; a longer song is one by itself.
    """
    found: list[list[int]] = []
    held = 0.0
    for place in sorted(range(len(seconds)), key=lambda place: (-seconds[place], place)):
        if not found or held + seconds[place] > limit:
            found.append([])
            held = 0.0
        found[-1].append(place)
        held += seconds[place]
    return found


def encode_flow(
    batches: Sequence[Sequence[int]],
    read: Callable[[int], list[Audio]],
    finish: Callable[[int, Outcome], _Result],
    codecs: Sequence[Codec],
    readers: int,
) -> Iterator[_Result]:
    """Read, encode and finish every song; what comes first is first.

    Args:
        batches: Songs by their places.
        read: Reads a song's tracks; runs on the readers' threads.
        finish: Takes a song's codes, or the error that it has instead; runs on threads too.
        codecs: As many batches are encoded at once; each codec has one at a time.
        readers: Threads that read.

    Yields:
        What ``finish`` returns, for each song.
    """
    idle: SimpleQueue[Codec] = SimpleQueue()
    for codec in codecs:
        idle.put(codec)

    def encode(batch: Sequence[int], audio: Sequence[Future[list[Audio]]]) -> list[_Result]:
        outcomes, songs = _split_errors(batch, audio)
        codec = idle.get()
        try:
            outcomes |= _encode_together(codec, songs)
        finally:
            idle.put(codec)
        return [finish(place, outcome) for place, outcome in outcomes.items()]

    # Twice the threads: while one batch is written, the codec has the next.
    most = 2 * len(codecs)
    pools = ThreadPoolExecutor(readers), ThreadPoolExecutor(most)
    reading, encoding = pools
    running: set[Future[list[_Result]]] = set()

    def finished(left: int) -> Iterator[_Result]:
        """Yield what is done, until at most so many batches are running."""
        nonlocal running
        while len(running) > left:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()

    try:
        for batch, audio in _read_ahead(batches, read, reading):
            running.add(encoding.submit(encode, batch, audio))
            yield from finished(most - 1)
        yield from finished(0)
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _read_ahead(
    batches: Sequence[Sequence[int]], read: Callable[[int], list[Audio]], pool: ThreadPoolExecutor
) -> Iterator[tuple[Sequence[int], list[Future[list[Audio]]]]]:
    waiting: deque[tuple[Sequence[int], list[Future[list[Audio]]]]] = deque()
    for batch in batches:
        waiting.append((batch, [pool.submit(read, place) for place in batch]))
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _split_errors(
    batch: Sequence[int], audio: Sequence[Future[list[Audio]]]
) -> tuple[dict[int, Outcome], dict[int, list[Audio]]]:
    """Return errors of the songs that cannot be read, and the tracks of the others."""
    errors: dict[int, Outcome] = {}
    songs = {}
    for place, future in zip(batch, audio, strict=True):
        try:
            songs[place] = future.result()
        except CodecError as error:
            errors[place] = error
    return errors, songs


def _encode_together(codec: Codec, songs: dict[int, list[Audio]]) -> dict[int, Outcome]:
    """Encode songs together; if that fails, each alone, so that only the bad ones are left out."""
    if not songs:
        return {}
    try:
        codes = iter(codec.encode_tracks([track for tracks in songs.values() for track in tracks]))
    except CodecError as error:
        if len(songs) == 1:
            return dict.fromkeys(songs, error)
        alone = [_encode_together(codec, {place: tracks}) for place, tracks in songs.items()]
        return {place: outcome for one in alone for place, outcome in one.items()}
    return {place: [next(codes) for _ in tracks] for place, tracks in songs.items()}

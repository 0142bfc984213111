"""Stems, codes and descriptions joined into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL, Stems
from yue.audio.stem_pairs import STEMS, UNSEPARATED
from yue.errors import SongError
from yue.rejections import Rejected, Rejections
from yue.songs.align import Aligned, Sound, align
from yue.songs.ready_rows import Given
from yue.songs.song_folder import Described
from yue.songs.song_rows import Row
from yue.songs.song_warnings import Warned
from yue.songs.timeline import Span, cut, to_frames


@dataclass(frozen=True)
class Piece:
    """A song with its codes, or a piece of one.

    Attributes:
        stems: Its row of stems.jsonl.
        start: Where it begins in the source file, in seconds.
        codes: Role to the path of its codes.
        frames: Role to their length.
    """

    stems: Stems
    start: float
    codes: Mapping[str, str]
    frames: Mapping[str, int]

    @property
    def span(self) -> Span:
        """Where it lies in the source file, in seconds."""
        return Span(self.start, self.start + self.stems.seconds)


@dataclass(frozen=True)
class Built:
    """Rows, and songs that have none.

    Attributes:
        rows: Sorted by id.
        sources: Row id to the song that it was cut from (itself when whole).
        rejected: Songs that cannot be used.
        skipped: Songs left out because the recipe says so.
        warnings: What was guessed or left out, song by song.
    """

    rows: tuple[Row, ...]
    sources: dict[str, str]
    rejected: tuple[Rejected, ...]
    skipped: tuple[Rejected, ...]
    warnings: tuple[Warned, ...]

    def rejections(self, earlier: Rejections) -> Rejections:
        """Return those of earlier stages with these."""
        left = set(self.sources.values())
        return earlier.after("songs", self.rejected, left, skipped=self.skipped)

    def joined(self, given: Given) -> Built:
        """With rows that were made elsewhere."""
        rows = sorted([*self.rows, *given.rows], key=lambda row: row.id)
        sources = self.sources | {row.id: row.id for row in given.rows}
        return replace(
            self,
            rows=tuple(rows),
            sources=sources,
            rejected=(*self.rejected, *given.rejected),
            warnings=(*given.warnings, *self.warnings),
        )


def build(
    songs: Mapping[str, Sequence[Piece]], described: Described, rate: Fraction, untimed: str
) -> Built:
    """Make the rows of all songs.

    Args:
        songs: Song id to its pieces, in order of time; at least one.
        described: What the songs folder says.
        rate: Frames a second.
        untimed: ``proportional``, ``whole`` or ``skip``.
    """
    rows: list[Row] = []
    sources: dict[str, str] = {}
    rejected, skipped, warnings = [], [], []
    for song in sorted(songs):
        try:
            if song in described.faults:
                raise described.faults[song]
            aligned = align(described.songs[song], _sound(songs[song]), untimed)
        except SongError as error:
            what = error.what if error.why else song
            rejected.append(Rejected(what, error.why or error.what, error.fix, song))
            continue
        if aligned is None:
            skipped.append(
                Rejected(song, "its lyrics have no times and songs.untimed is skip",
                         "add times (.lrc or sections), or use untimed: proportional", song)
            )  # fmt: skip
            continue
        warnings += [Warned(warning, song) for warning in aligned.warnings]
        for piece in songs[song]:
            try:
                rows.append(_row(piece, aligned, described, song, rate))
                sources[piece.stems.song_id] = song
            except SongError as error:
                rejected.append(
                    Rejected(piece.stems.song_id, f"{error.what}: {error.why}", error.fix, song)
                )
    rows.sort(key=lambda row: row.id)
    return Built(tuple(rows), sources, tuple(rejected), tuple(skipped), tuple(warnings))


def _sound(pieces: Sequence[Piece]) -> Sound:
    return Sound(
        span=Span(pieces[0].start, max(piece.span.end for piece in pieces)),
        singing=tuple(
            Span(piece.start + start, piece.start + end)
            for piece in pieces
            for start, end in piece.stems.singing
        ),
        has_vocal=any(piece.stems.kind == STEMS for piece in pieces),
        is_separated=all(piece.stems.kind != UNSEPARATED for piece in pieces),
    )


def _row(piece: Piece, aligned: Aligned, described: Described, song: str, rate: Fraction) -> Row:
    missing = [role for role in (VOCAL, INSTRUMENTAL) if role not in piece.codes]
    if missing:
        raise SongError(
            f"no codes of its {' and '.join(missing)} track",
            why="the stage 'tokenize' wrote none",
            fix="run the stage 'tokenize' again",
        )
    frames = min(piece.frames[role] for role in (VOCAL, INSTRUMENTAL))
    return Row(
        id=piece.stems.song_id,
        vocal=piece.codes[VOCAL],
        instrumental=piece.codes[INSTRUMENTAL],
        mixture=piece.codes.get(MIXTURE),
        piece_of=song if piece.stems.song_id != song else None,
        frames=frames,
        rate=rate,
        genres=described.songs[song].genres,
        artist=described.songs[song].artist,
        alignment=aligned.alignment,
        sections=to_frames(cut(aligned.sections, piece.span), frames, rate),
    )

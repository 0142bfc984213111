"""The rows of songs.jsonl: made of stems, codes and descriptions, in YuE's schema.

Ours beside YuE's are ``artist``, ``alignment`` and ``piece_of``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL, Stems
from yue.audio.stem_pairs import STEMS, UNSEPARATED
from yue.errors import SongError
from yue.rejections import Rejected, Rejections, SongWarning
from yue.songs.align import Aligned, Sound, align
from yue.songs.lyrics import line_content
from yue.songs.song_folder import DescribedSongs
from yue.songs.timeline import FrameSection, Span, cut, to_frames


@dataclass(frozen=True)
class TrainingRow:
    """One song, ready to train on.

    Attributes:
        id: The song.
        vocal: Path of the vocal track's codes, relative to the work folder.
        instrumental: The same of the instrumental track.
        mixture: The same of the mixture, or None where there is none.
        frames: Length of the codes.
        rate: Frames a second.
        genres: One line.
        artist: Or None.
        alignment: How the sections got their times.
        sections: They cover all frames.
        piece_of: The song that it was cut from; None where it is a whole song.
        original: A row that was made elsewhere, kept but for its paths; None for a row of ours.
    """

    id: str
    vocal: str
    instrumental: str
    mixture: str | None
    frames: int
    rate: Fraction
    genres: str
    artist: str | None
    alignment: str
    sections: tuple[FrameSection, ...]
    piece_of: str | None = None
    original: Mapping[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return float(self.frames / self.rate)

    def record(self) -> dict[str, Any]:
        """Return the row as it is written. What is None is left out."""
        paths = {
            **({"codec": self.mixture} if self.mixture else {}),
            "vocals_codec": self.vocal,
            "instrumental_codec": self.instrumental,
        }
        if self.original is not None:
            # Each row that was given counts as a song, of whatever it was cut elsewhere.
            kept = {key: value for key, value in self.original.items() if key != "piece_of"}
            return {**kept, **paths, "id": self.id, "alignment": self.alignment}
        return {
            "id": self.id,
            **({"piece_of": self.piece_of} if self.piece_of is not None else {}),
            **paths,
            "audio_length_in_sec": self.seconds,
            "msa": [self._structure_of(section) for section in self.sections],
            "genres": self.genres,
            "splitted_lyrics": {
                "segmented_lyrics": [self._segment_of(section) for section in self.sections]
            },
            **({"artist": self.artist} if self.artist else {}),
            "alignment": self.alignment,
        }

    def _seconds_at(self, frame: int) -> float:
        return round(float(frame / self.rate), 6)

    def _structure_of(self, section: FrameSection) -> dict[str, Any]:
        # YuE looks for "chorus": structure labels bear no number.
        label = re.sub(r"[\s_-]*\d+$", "", section.label) or section.label
        return {
            "start": self._seconds_at(section.start),
            "end": self._seconds_at(section.end),
            "label": label,
        }

    def _segment_of(self, section: FrameSection) -> dict[str, Any]:
        return {
            "offset": self._seconds_at(section.start),
            "duration": self._seconds_at(section.frames),
            "codec_frame_start": section.start,
            "codec_frame_end": section.end,
            "line_content": line_content(section.label, section.lines),
        }


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
class BuiltRows:
    """Rows, and songs that have none.

    Attributes:
        rows: Sorted by id.
        sources: Row id to the song that it was cut from (itself when whole).
        rejected: Songs that cannot be used.
        skipped: Songs left out because the recipe says so.
        warnings: What was guessed or left out, song by song.
    """

    rows: tuple[TrainingRow, ...]
    sources: dict[str, str]
    rejected: tuple[Rejected, ...]
    skipped: tuple[Rejected, ...]
    warnings: tuple[SongWarning, ...]

    def rejections(self, earlier: Rejections) -> Rejections:
        """Return those of earlier stages with these."""
        left = set(self.sources.values())
        return earlier.after("songs", self.rejected, left, skipped=self.skipped)

    def merge(self, other: BuiltRows) -> BuiltRows:
        """Merge these rows with others, whose warnings come first."""
        return BuiltRows(
            rows=tuple(sorted([*self.rows, *other.rows], key=lambda row: row.id)),
            sources=self.sources | other.sources,
            rejected=(*self.rejected, *other.rejected),
            skipped=(*self.skipped, *other.skipped),
            warnings=(*other.warnings, *self.warnings),
        )


def build_rows(
    songs: Mapping[str, Sequence[Piece]], described: DescribedSongs, rate: Fraction, untimed: str
) -> BuiltRows:
    """Make the rows of all songs.

    Args:
        songs: Song id to its pieces, in order of time; at least one.
        described: What the songs folder says.
        rate: Frames a second.
        untimed: ``proportional``, ``whole`` or ``skip``.
    """
    rows: list[TrainingRow] = []
    sources: dict[str, str] = {}
    rejected, skipped, warnings = [], [], []
    for song in sorted(songs):
        try:
            if song in described.faults:
                raise described.faults[song]
            aligned = align(described.songs[song], _join_sound(songs[song]), untimed)
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
        warnings += [SongWarning(warning, song) for warning in aligned.warnings]
        for piece in songs[song]:
            try:
                rows.append(_make_row(piece, aligned, described, song, rate))
                sources[piece.stems.song_id] = song
            except SongError as error:
                rejected.append(
                    Rejected(piece.stems.song_id, f"{error.what}: {error.why}", error.fix, song)
                )
    rows.sort(key=lambda row: row.id)
    return BuiltRows(tuple(rows), sources, tuple(rejected), tuple(skipped), tuple(warnings))


def _join_sound(pieces: Sequence[Piece]) -> Sound:
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


def _make_row(
    piece: Piece, aligned: Aligned, described: DescribedSongs, song: str, rate: Fraction
) -> TrainingRow:
    missing = [role for role in (VOCAL, INSTRUMENTAL) if role not in piece.codes]
    if missing:
        raise SongError(
            f"no codes of its {' and '.join(missing)} track",
            why="the stage 'tokenize' wrote none",
            fix="run the stage 'tokenize' again",
        )
    frames = min(piece.frames[role] for role in (VOCAL, INSTRUMENTAL))
    return TrainingRow(
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

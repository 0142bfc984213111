"""A row of songs.jsonl: YuE's schema, and our ``artist``, ``alignment`` and ``piece_of``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from yue.songs.lyrics import line_content
from yue.songs.timeline import FrameSection


@dataclass(frozen=True)
class Row:
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
        """The row as it is written. What is None is left out."""
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
            "msa": [self._structure(section) for section in self.sections],
            "genres": self.genres,
            "splitted_lyrics": {
                "segmented_lyrics": [self._segment(section) for section in self.sections]
            },
            **({"artist": self.artist} if self.artist else {}),
            "alignment": self.alignment,
        }

    def _time(self, frame: int) -> float:
        return round(float(frame / self.rate), 6)

    def _structure(self, section: FrameSection) -> dict[str, Any]:
        # YuE looks for "chorus": structure labels bear no number.
        label = re.sub(r"[\s_-]*\d+$", "", section.label) or section.label
        return {"start": self._time(section.start), "end": self._time(section.end), "label": label}

    def _segment(self, section: FrameSection) -> dict[str, Any]:
        return {
            "offset": self._time(section.start),
            "duration": self._time(section.frames),
            "codec_frame_start": section.start,
            "codec_frame_end": section.end,
            "line_content": line_content(section.label, section.lines),
        }

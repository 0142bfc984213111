"""A project whose earlier stages have run: real audio files, and rows and codes made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from yue.audio.converted_tracks import ConvertedTrack, Stems, whole_songs, write_stems, write_tracks
from yue.audio.discover import rows_made
from yue.files import safe_name, write_json, write_jsonl
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.rejections import Rejections, write_rejections

RATE = 16000
FRAME_RATE = 50


@dataclass
class Project:
    """A songs folder and the work folder of the stages before ``songs``."""

    root: Path
    tracks: list[ConvertedTrack] = field(default_factory=list)
    stems: list[Stems] = field(default_factory=list)
    codes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paths(self) -> Paths:
        return Paths(self.root)

    @property
    def songs(self) -> Path:
        return self.root / "songs"

    def write(self, name: str, text: str | bytes) -> None:
        path = self.songs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def song(
        self,
        song_id: str,
        *,
        seconds: float = 20.0,
        file: str | None = None,
        start: float = 0.0,
        singing: list[tuple[float, float]] | None = None,
        kind: str = "stems",
        seed: int | None = None,
        piece_of: str | None = None,
    ) -> None:
        """Add a song, as file and as the rows that earlier stages write."""
        names = [file] if file else [f"{piece_of or song_id}.{r}.wav" for r in ("Vocals", "Inst")]
        if kind == "instrumental" and not file:
            names = [f"{song_id}.wav"]
        for name in names:
            (self.songs / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(self.songs / name, np.zeros(800, np.int16), RATE)
        rng = np.random.default_rng(len(self.stems) if seed is None else seed)
        paths = {}
        for role in ("vocal", "instrumental"):
            path = f"codes/{safe_name(song_id)}.{role}.npy"
            paths[role] = path
            frames = round(seconds * FRAME_RATE)
            values = rng.integers(0, 1024, (2, frames)).astype(np.int16)
            if role == "vocal" and kind == "instrumental":
                values[:] = 3
            (self.paths.work / path).parent.mkdir(parents=True, exist_ok=True)
            np.save(self.paths.work / path, values)
            row = {"song_id": song_id, "role": role, "path": path, "frames": frames}
            self.codes.append(row)
        self.tracks.append(
            ConvertedTrack(song_id, "mixture", "audio/x.npy", names[0], RATE, round(seconds * RATE),
                           seconds, 0.0, start, 0.5, -20.0, None, 0.0, 0.0, 0.0, "0")
        )  # fmt: skip
        self.stems.append(
            Stems(song_id, "audio/v.npy", "audio/i.npy", None, RATE, round(seconds * RATE), seconds,
                  kind, tuple(singing if singing is not None else [(2.0, seconds - 1.0)]), 0.5)
        )  # fmt: skip

    def done(self) -> Paths:
        """Write what earlier stages write."""
        work = self.paths
        write_tracks(work.audio / "audio.jsonl", self.tracks)
        write_stems(work.stems / "stems.jsonl", self.stems)
        write_jsonl(work.codes / "codes.jsonl", self.codes)
        found = len(set(whole_songs(self.tracks).values()))
        rows = sum(1 for _ in rows_made(self.songs))
        write_rejections(work.codes / "rejected.json", Rejections(found, rows))
        write_json(work.codes / "codec.json", {"name": "melrvq", "frame_rate": f"{FRAME_RATE}/1"})
        return work

    def rows(self) -> dict[str, dict[str, Any]]:
        lines = self.paths.songs.read_text().splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}

    def report(self) -> dict[str, Any]:
        return json.loads(self.paths.data_report.read_text())

    def split(self) -> dict[str, list[str]]:
        return json.loads(self.paths.split.read_text())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "songs").mkdir()
    return Project(tmp_path)


@pytest.fixture
def recipe() -> Recipe:
    return default_recipe()

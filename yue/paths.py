"""Where each stage's files are, relative to the project folder; the same names as in dvc.yaml."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_SIDE_STORE = ".yue"


@dataclass(frozen=True)
class Paths:
    """The file layout of a project.

    Attributes:
        root: The project folder (where dvc.yaml and params.yaml are).
    """

    root: Path

    @property
    def params(self) -> Path:
        """The active recipe."""
        return self.root / "params.yaml"

    @property
    def work(self) -> Path:
        """Everything that stages make, git-ignored."""
        return self.root / "work"

    @property
    def audio(self) -> Path:
        """Converted tracks and ``audio.jsonl`` (stage ``convert``)."""
        return self.work / "audio"

    @property
    def stems(self) -> Path:
        """``stems.jsonl`` and derived tracks (stage ``separate``)."""
        return self.work / "stems"

    @property
    def codes(self) -> Path:
        """Codec codes, ``codes.jsonl`` and ``codec.json`` (stage ``tokenize``)."""
        return self.work / "codes"

    @property
    def songs(self) -> Path:
        """Training rows in upstream's schema (stage ``songs``)."""
        return self.work / "songs.jsonl"

    @property
    def split(self) -> Path:
        """Song ids by split (stage ``songs``)."""
        return self.work / "split.json"

    @property
    def data_report(self) -> Path:
        """What was kept and rejected, and why (stage ``songs``)."""
        return self.work / "data_report.json"

    @property
    def tokens(self) -> Path:
        """``{train,valid,test}.{bin,idx,json}`` (stage ``mmap``)."""
        return self.work / "tokens"

    @property
    def rejected(self) -> Path:
        """What all stages left out, from songs to tokens (stage ``mmap``)."""
        return self.work / "rejected.json"

    @property
    def too_many_rejected(self) -> Path:
        """The same, up to the stage that stopped for it; there while the last run did."""
        return self.work / "too_many_rejected.json"

    @property
    def adapter(self) -> Path:
        """The PEFT adapter and ``run.json`` (stage ``train``)."""
        return self.work / "adapter"

    @property
    def samples(self) -> Path:
        """Generated songs and ``samples.json`` (stage ``generate``)."""
        return self.work / "samples"

    @property
    def metrics(self) -> Path:
        """Metrics and plots that DVC shows."""
        return self.root / "metrics"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.root / "report.html"

    @property
    def side_store(self) -> Path:
        """The shared, deletable side store (``.yue``).

        It lies under DVC's root, which DVC names in ``DVC_ROOT`` for every stage it runs, so that
        experiments in temporary folders share it.
        """
        return Path(os.environ.get("DVC_ROOT") or self.root) / _SIDE_STORE


def token_folder(folder: Path) -> Path:
    """Return the folder of token files: ``folder``, or its ``work/tokens`` if it is a project."""
    inner = Paths(folder).tokens
    return inner if inner.is_dir() and not any(folder.glob("*.idx")) else folder


def side_store_beside(output: Path) -> Path:
    """Return the side store of a command that runs in no project: next to what it makes."""
    return output.absolute().parent / _SIDE_STORE


def index_cache(checkpoints: Path) -> Path:
    """Return the folder of sample indices in the side store that has the checkpoints."""
    return checkpoints.parent / "indices"

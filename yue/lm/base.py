"""What a base model's folder says of it, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yue.digests import Digests
from yue.errors import YueError
from yue.files import bytes_digest, file_digest, read_json


@dataclass(frozen=True)
class BaseCard:
    """A base model.

    Attributes:
        rows: Rows of its vocabulary.
        context: Longest input, in tokens.
    """

    rows: int
    context: int


def read_base(path: Path, *, needed_rows: int = 0) -> BaseCard:
    """Check a base model's config.json.

    Args:
        path: A Hugging Face folder.
        needed_rows: Rows that its vocabulary must have at least.

    Raises:
        YueError: There is no such model, it is of another kind or of a smaller vocabulary.
    """
    if not (path / "config.json").is_file():
        raise YueError(
            f"no base model in {path}",
            why="config.json is not there",
            fix="check model.path; `dvc repro` makes or fetches the models that recipes name, "
            "`yue fetch --help` says how to get another of the hub",
        )
    config = read_json(path / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "llama":
        raise YueError(
            f"{path}: model type {kind!r}, but YuE v1 is 'llama'",
            fix="give the folder of a YuE v1 model, or of another Llama (model.path, --model)",
        )
    card = BaseCard(
        rows=int(config.get("vocab_size", 0)),
        context=int(config.get("max_position_embeddings", 2048)),
    )
    if card.rows < needed_rows:
        raise YueError(
            f"{path}: {card.rows} vocabulary rows, the tokens need {needed_rows}",
            why="the base model has no ids for this codec's codes",
            fix="use the codec that the model was trained with (codec.name), or another base model",
        )
    return card


def base_digest(folder: Path, memory: Path | None = None) -> str:
    """Digest of a base model: its configuration and weights.

    Args:
        folder: The model's.
        memory: A folder where the files' digests are remembered by their size and times, so that
            tens of gigabytes are not read again; None reads all.
    """
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    known = Digests(memory / "models") if memory else None
    digest = known.of if known else file_digest
    found = bytes_digest(*(part for file in files for part in (file.name, digest(file))))
    if known:
        known.save(folder)
    return found

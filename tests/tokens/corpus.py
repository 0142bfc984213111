"""A tokenizer and songs that the tests make themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece


def train_tokenizer(folder: Path) -> Path:
    """A small SentencePiece model with the normaliser settings of YuE's."""
    text = folder / "text.txt"
    words = ["Generate music from the given lyrics segment by segment.", "[Genre] pop rock female"]
    words += ["[verse]", "[chorus]", "[intro]", "[start_of_segment]", "[end_of_segment]"]
    words += [f"line {n} of a song about the rain and the sea" for n in range(50)]
    text.write_text("\n".join(words))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "small"),
        vocab_size=400,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=True,
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "small.model"


TRACKS = (
    ("vocals_codec", "vocal"),
    ("instrumental_codec", "instrumental"),
    ("codec", "mixture"),
)


class Corpus:
    """A folder of codes and a songs.jsonl in upstream's schema."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.jsonl = root / "songs.jsonl"
        self.lines: list[str] = []

    def row(
        self,
        song_id: str,
        *,
        frames: int = 300,
        books: int = 1,
        mixture: bool = False,
        **changes: Any,
    ) -> None:
        """Add a song of two equal sections; ``changes`` replaces keys (None removes one)."""
        rng = np.random.default_rng(len(self.lines))
        (self.root / "npy").mkdir(exist_ok=True)
        row: dict[str, Any] = {"id": song_id, "audio_length_in_sec": frames / 50, "genres": "pop"}
        for key, role in TRACKS if mixture else TRACKS[:2]:
            row[key] = f"npy/{len(self.lines)}.{role}.npy"
            codes = rng.integers(0, 1024, (books, frames), dtype=np.int16)
            np.save(self.root / row[key], codes)
        half = frames // 2
        row["splitted_lyrics"] = {
            "segmented_lyrics": [
                {"offset": start / 50, "duration": half / 50, "codec_frame_start": start,
                 "codec_frame_end": start + half, "line_content": f"[{label}]\nline\n\n"}
                for start, label in ((0, "verse"), (half, "chorus"))
            ]
        }  # fmt: skip
        row["msa"] = []
        row.update(changes)
        self.line(json.dumps({k: v for k, v in row.items() if v is not None}))

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.jsonl.write_text("".join(f"{line}\n" for line in self.lines))

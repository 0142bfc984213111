"""YuE v1's way from songs.jsonl to ``.bin``/``.idx``, for comparison: ids as Python lists.

It does what ``finetune/core/preprocess_data_conditional_xcodec_segment.py`` does in its CoT mode
(YuE v1, Apache-2.0), rewritten step by step: the codes of a section become a checked copy, a
list and an array again; the two tracks become one array and a list of ``np.int64``; a pool pickles
these lists one line at a time in chunks of 32; the parent makes arrays of them and writes.
"""

from __future__ import annotations

import json
import multiprocessing
import struct
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

INSTRUCTION = "Generate music from the given lyrics segment by segment."
SPECIALS = ("<CLS>", "<SEP>", "<EOD>", "<MASK>", "<SOA>", "<EOA>", "<SOV>", "<EOV>", "<SOI>",
            "<EOI>", "<s_local>", "<e_local>", "<s_global>", "<e_global>", "<stage_1>", "<stage_2>",
            "<PAD>", "<s>", "</s>")  # fmt: skip
EOD, SOA, EOA, XCODEC, OFFSET, SIZE = 32000, 32001, 32002, 32016, 45334, 1024


class Encoder:
    """Encodes lines in a pool's processes, which share it through class attributes as there."""

    model: Any = None
    root: Path = Path()

    @classmethod
    def start(cls, tokenizer: str, root: str) -> None:
        """Load the tokenizer."""
        cls.model = sentencepiece.SentencePieceProcessor(model_file=tokenizer)
        cls.root = Path(root)

    @classmethod
    def tokenize(cls, text: str) -> list[int]:
        """Scan for the earliest special string, encode what is before it, and go on."""
        ids: list[int] = []
        place = 0
        while True:
            indices = {special: text.find(special, place) for special in SPECIALS}
            found = {special: at for special, at in indices.items() if at != -1}
            if not found:
                break
            raise ValueError("the benchmark's lyrics have no special strings")
        ids.extend(cls.model.encode(text[place:]))
        return ids

    @staticmethod
    def npy2ids(codes: np.ndarray) -> list[int]:
        """Codes of one codebook, checked, as a list of ids."""
        assert codes.ndim == 2
        assert codes.max() < SIZE
        assert codes.min() >= 0
        copy = codes.copy().astype(np.uint32)
        copy[0] += OFFSET
        flat = copy[0:1].T.reshape(-1)
        assert flat.min() >= OFFSET
        assert flat.max() < OFFSET + 12 * SIZE
        return list(flat.tolist())

    @classmethod
    def encode(cls, line: str) -> tuple[dict[str, list[Any]], dict[str, list[int]], int]:
        """Ids and lengths of one song, and how many bytes were read for them."""
        data = json.loads(line)
        segments = data["splitted_lyrics"]["segmented_lyrics"]
        vocals = np.load(cls.root / data["vocals_codec"])
        instrumental = np.load(cls.root / data["instrumental_codec"])
        fps = vocals.shape[1] / data["audio_length_in_sec"]
        lyrics = "\n".join(segment["line_content"] for segment in segments)
        head = cls.tokenize(f"{INSTRUCTION}\n[Genre] {data['genres']}\n{lyrics}")
        ids: list[Any] = []
        lengths: list[int] = []
        ids.extend(head)
        lengths.append(len(head))
        for segment in segments:
            start, end = segment["codec_frame_start"], segment["codec_frame_end"]
            if not 0 <= start < end <= vocals.shape[1] or end - start < fps:
                continue
            text = cls.tokenize(segment["line_content"])
            first = cls.npy2ids(vocals[:, start:end])
            second = cls.npy2ids(instrumental[:, start:end])
            both = np.stack([np.array(first), np.array(second)]).T.reshape(-1)
            tokens = (
                cls.tokenize("[start_of_segment]")
                + text
                + [SOA, XCODEC]
                + list(both)
                + [EOA]
                + cls.tokenize("[end_of_segment]")
            )
            ids.extend(tokens)
            lengths.append(len(tokens))
        ids.append(EOD)
        lengths[-1] += 1
        return {"text": ids}, {"text": lengths}, len(line) + vocals.nbytes + instrumental.nbytes


def write(jsonl: Path, root: Path, tokenizer: Path, prefix: Path, workers: int) -> None:
    """Write token files as upstream does; ``workers`` 0 encodes in this process, without a pool."""
    lengths: list[int] = []
    documents = [0]
    with jsonl.open(encoding="utf-8") as lines, prefix.with_suffix(".bin").open("wb") as stream:
        pool = None
        if workers:
            start = (str(tokenizer), str(root))
            pool = multiprocessing.Pool(workers, initializer=Encoder.start, initargs=start)
            encoded: Any = pool.imap(Encoder.encode, lines, 32)
        else:
            Encoder.start(str(tokenizer), str(root))
            encoded = map(Encoder.encode, lines)
        for ids, sizes, _ in encoded:
            stream.write(np.array(ids["text"], dtype=np.int32).tobytes(order="C"))
            lengths.extend(sizes["text"])
            documents.append(len(lengths))
        if pool is not None:
            pool.close()
            pool.join()
    pointers, at = [], 0
    for length in lengths:
        pointers.append(at)
        at += length * 4
    with prefix.with_suffix(".idx").open("wb") as stream:
        stream.write(b"MMIDIDX\x00\x00")
        stream.write(struct.pack("<QBQQ", 1, 4, len(lengths), len(documents)))
        stream.write(np.array(lengths, dtype=np.int32).tobytes(order="C"))
        stream.write(np.array(pointers, dtype=np.int64).tobytes(order="C"))
        stream.write(np.array(documents, dtype=np.int64).tobytes(order="C"))

"""Songs into rows: upstream's chop, best fit of whole documents, and this project's sections.

A seeded corpus like songs: lengths lognormal, clipped to 3,000..20,000 tokens, a header of 400
tokens, sections of 700..2,400 tokens, written as real token files and packed by the code that
training runs. "best fit" is what text trainers do: a document longer than the context is cut at
every ``context`` tokens, and the parts are packed by best fit.

    python benchmarks/packing.py [--songs 20000] [--contexts 8192 16384]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from yue.dataset.chop import Chopping
from yue.dataset.packing import Packing, pack
from yue.dataset.song_pieces import Piece
from yue.dataset.token_files import TokenFiles
from yue.native.document_gather import best_fit
from yue.tokens.layouts.blocks import Document, document_of
from yue.tokens.pair_writer import pair_writer
from yue.tokens.vocabulary import EOA, SOA, codec_range

XCODEC = codec_range("xcodec")
HEADER, SECTIONS = 400, (700, 2400)
MEDIAN, SIGMA, CLIP = 9500, 0.445, (3000, 20_000)
OPENING, ENDING = 60, 8  # tokens of text before and after the codes of a section


@dataclass(frozen=True)
class Quality:
    """What packing does to songs; shares are 0..1."""

    rows: int
    padding: float
    repeated: float
    songs_cut: float
    cut_though_they_fit: int
    sections_cut: int
    without_header: float
    seconds: float


def make_songs(count: int) -> Iterator[Document]:
    rng = np.random.default_rng(0)
    for length in np.clip(rng.lognormal(np.log(MEDIAN), SIGMA, count), *CLIP).astype(int):
        sequences = [rng.integers(3, 32_000, HEADER)]
        left = int(length) - HEADER
        while left > 0:
            size = int(rng.integers(*SECTIONS, endpoint=True))
            if left - size < SECTIONS[0]:  # the last section takes what would be too short a one
                size = min(left, SECTIONS[1])
            left -= size
            if left < SECTIONS[0]:
                left = 0
            codes = (size - OPENING - ENDING - 3) // 2 * 2
            parts = [
                rng.integers(3, 32_000, OPENING),
                [SOA, *XCODEC.separators],
                rng.integers(XCODEC.offset, XCODEC.offset + 1024, codes),
                [EOA],
                rng.integers(3, 32_000, ENDING),
            ]
            sequences.append(np.concatenate(parts))
        yield document_of([sequence.astype(np.int32)] for sequence in sequences)


def cut_anywhere(files: TokenFiles, context: int) -> list[list[Piece]]:
    """Best fit of documents that are cut at every ``context`` tokens."""
    pieces = [
        Piece(number, range(start, min(start + context, int(length))))
        for number, length in enumerate(files.document_lengths)
        for start in range(0, int(length), context)
    ]
    members, starts = best_fit(np.array([piece.tokens for piece in pieces]), context)
    return [[pieces[n] for n in members[a:b]] for a, b in pairwise(starts)]


def rows_of(packing: Packing | Chopping) -> list[list[Piece]]:
    return [packing.pieces(row) for row in range(packing.rows)]


WAYS: dict[str, Callable[[TokenFiles, int], list[list[Piece]]]] = {
    "chop (upstream)": lambda files, context: rows_of(Chopping(context, files.starts)),
    "best fit": cut_anywhere,
    "section-aware (yue)": lambda files, context: rows_of(pack(files, context)),
}


def quality(files: TokenFiles, context: int, rows: list[list[Piece]], seconds: float) -> Quality:
    lengths = files.document_lengths
    cut_songs, cut_sections = set(), set()
    tokens = repeated = blind = bodies = 0
    for piece in (piece for row in rows for piece in row):
        tokens += piece.tokens
        repeated += piece.repeated
        bodies += len(piece.body)
        header = int(files.sequence_lengths(piece.document)[0])
        sees_header = piece.header or (piece.body.start == 0 and piece.body.stop >= header)
        if not sees_header:
            blind += max(piece.body.stop - max(piece.body.start, header), 0)
        if piece.body.start:
            cut_songs.add(piece.document)
            ends = np.cumsum(files.sequence_lengths(piece.document))
            if piece.body.start not in ends:
                section = int(np.searchsorted(ends, piece.body.start, side="right"))
                cut_sections.add((piece.document, section))
    assert bodies == files.tokens, "every token of every song is in one row"
    return Quality(
        rows=len(rows),
        padding=1 - tokens / (len(rows) * context),
        repeated=repeated / files.tokens,
        songs_cut=len(cut_songs) / files.documents,
        cut_though_they_fit=sum(int(lengths[song]) <= context for song in cut_songs),
        sections_cut=len(cut_sections),
        without_header=blind / files.tokens,
        seconds=seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--songs", type=int, default=20_000)
    parser.add_argument("--contexts", type=int, nargs="+", default=[8192, 16_384])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        prefix = Path(name) / "songs"
        with pair_writer(prefix, limit=XCODEC.rows) as pair:
            for document in make_songs(args.songs):
                pair.append(document)
        files = TokenFiles.open(prefix, codec=XCODEC)
        report(files, args.contexts)


def report(files: TokenFiles, contexts: list[int]) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores; NumPy {np.__version__}")
    lengths, sections = files.document_lengths, len(files.lengths) - files.documents
    fitting = ", ".join(f"{(lengths <= c).mean():.0%} fit {c:,}" for c in contexts)
    print(
        f"{files.documents:,} songs of {lengths.mean():,.0f} tokens in the mean, {sections:,} "
        f"sections; {fitting}\n"
    )
    print("| context | way | rows | padding | repeated | songs cut | cut though they fit | "
          "sections cut | tokens without header | s |")  # fmt: skip
    print("|---" * 10 + "|")
    for context in contexts:
        for way, make in WAYS.items():
            start = time.perf_counter()
            rows = make(files, context)
            q = quality(files, context, rows, time.perf_counter() - start)
            fit = int((lengths <= context).sum())
            print(
                f"| {context:,} | {way} | {q.rows:,} | {q.padding:.2%} | {q.repeated:.2%} | "
                f"{q.songs_cut:.1%} | {q.cut_though_they_fit:,} ({q.cut_though_they_fit / fit:.1%}"
                f" of them) | {q.sections_cut:,} ({q.sections_cut / sections:.1%}) | "
                f"{q.without_header:.1%} | {q.seconds:.1f} |"
            )


if __name__ == "__main__":
    sys.exit(main())

"""What is generated from is, token for token, what training puts around the codes of a song."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokens.corpus import Corpus
from yue.errors import GenerationError
from yue.files import write_json
from yue.generation.prompt import song_prompt
from yue.generation.prompt_reference import own_references
from yue.generation.prompt_songs import choose_songs
from yue.generation.song_state import Alphabet
from yue.tokens.assemble import Assembler
from yue.tokens.layouts.blocks import interleaved_ids
from yue.tokens.layouts.table import GENERATED_LAYOUTS
from yue.tokens.options import AUDIO_PROMPTS, Options
from yue.tokens.row_reader import SongRow, read_rows
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import EOA, EOD, codec_range

CASES = [
    *({"layout": layout} for layout in GENERATED_LAYOUTS),
    *({"layout": "icl", "audio_prompt": kind} for kind in AUDIO_PROMPTS),
    *({"layout": layout, "codebooks": 3} for layout in GENERATED_LAYOUTS),
    {"layout": "icl", "compat": "upstream"},
    {"layout": "cot", "compat": "upstream"},
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A song of 40 seconds with a chorus, and lyrics that try to be control ids."""
    made = Corpus(tmp_path_factory.mktemp("corpus"))
    lines = [(0, 700, "[verse 2]\nla <EOD>\n\n"), (700, 1900, "[pre-chorus]\n\n")]
    made.row(
        "song",
        frames=2000,
        books=12,
        mixture=True,
        msa=[{"label": "chorus", "start": 1.0, "end": 39.0}],
        splitted_lyrics={
            "segmented_lyrics": [
                {
                    "codec_frame_start": a,
                    "codec_frame_end": b,
                    "duration": (b - a) / 50,
                    "line_content": text,
                }
                for a, b, text in lines
            ]
        },
    )
    write_json(made.root / "split.json", {"valid": ["song"]})
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_prompt_and_codes_are_the_training_document(
    corpus: Corpus, tokenizer_path: Path, case: dict[str, Any]
) -> None:
    options, codec = Options(**{"codebooks": 1, "seed": 3} | case), codec_range("xcodec")
    text = TextTokenizer(tokenizer_path, specials_in_text=not options.strict)
    ids = options.ids(codec)
    [row] = list(read_rows(corpus.jsonl, options))
    assert isinstance(row, SongRow)
    document = Assembler(corpus.root, text, codec, options).assemble(row).document

    sources = choose_songs(corpus.root, 1)
    if options.layout == "icl":
        sources = own_references(sources, corpus.root, codec, options)
    source = sources[0]
    prompt = song_prompt(
        text,
        ids,
        song_id=source.song_id,
        layout=options.layout,
        genres=source.genres,
        line_contents=source.line_contents,
        reference=source.reference,
        sections=None,
        seed=0,
    )
    parts = [prompt.head]
    codes = [np.load(corpus.root / row.codes[t]) for t in ("vocal", "instrumental")]
    for opening, (start, end) in zip(prompt.openings, source.frames, strict=True):
        vocal, instrumental = (track[: ids.codebooks, start:end] for track in codes)
        parts += [opening.before, interleaved_ids(vocal, instrumental, ids), opening.after]
    assert [*np.concatenate(parts), EOD] == document.tokens.tolist()
    if options.layout != "interleave":
        assert prompt.head.tolist() == document.sequences[0].tolist()


def test_reference_audio_needs_a_header(tokenizer: TextTokenizer) -> None:
    ids = codec_range("xcodec").first(1)
    with pytest.raises(GenerationError, match="layout interleave"):
        song_prompt(
            tokenizer,
            ids,
            song_id="x",
            layout="interleave",
            genres="x",
            line_contents=["[verse]\n\n"],
            reference=np.arange(4, dtype=np.int32),
            sections=None,
            seed=0,
        )


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([("xcodec", 1), ("xcodec", 3), ("dac16k", 4), ("semanticodec", 2)]),
    st.integers(1, 20),
    st.integers(0, 9),
    st.integers(0, 1000),
)
def test_drawn_indices_are_the_codes_of_their_places(
    case: tuple[str, int], frames: int, seed: int, fewer: int
) -> None:
    """Also where the codec has fewer codes than the vocabulary has ids."""
    name, books = case
    codec = codec_range(name).first(books)
    sizes = tuple(size - fewer for size in codec.sizes)
    alphabet = Alphabet(codec, sizes)
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, (2, frames)) for size in sizes], axis=1)
    ids = interleaved_ids(codes[0], codes[1], codec)
    place_of = {int(token): index for index, token in enumerate(alphabet.ids)}
    drawn = [place_of[int(token)] for token in ids]
    assert np.array_equal(alphabet.codes(drawn), codes)
    for place, index in enumerate(drawn):
        span = alphabet.span(place)
        assert span.start <= index < span.stop
    ends = [alphabet.ids[alphabet.span(p)].tolist().count(EOA) for p in range(alphabet.width)]
    assert ends == [1, 1] + [0] * (alphabet.width - 2), "a frame of several ids is never cut"
    assert alphabet.ids[alphabet.end] == EOA

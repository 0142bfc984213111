"""Every layout, with every codec: random codes in are the codes that come out of the ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokens.decoding import audio_blocks
from yue.dataset.token_files import TokenFiles
from yue.errors import TokenFileError
from yue.tokens.document_faults import document_faults
from yue.tokens.layouts import cot, icl, interleave, mix, stage2
from yue.tokens.layouts.blocks import Document, Draws, Section, interleaved_ids, lane_ids
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.options import AUDIO_PROMPTS, Options
from yue.tokens.roles import CODEBOOKS, REFERENCE_MARKER, Role, Shape
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CODECS, EOA, EOD, SOA, STAGE_1, STAGE_2, CodecRange, codec_range
from yue.tokens.write_files import write_token_files

XCODEC = codec_range("xcodec").first(1)
LYRICS = ["[verse]\nla\n\n", "[chorus]\n\n"]


def random_codes(codec: CodecRange, frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, frames) for size in codec.sizes]).astype(np.int16)


def make(
    text: TextTokenizer, options: Options, codec: CodecRange, tracks: list[list[np.ndarray]]
) -> Document:
    """A document of sections with these codes: (vocal, instrumental) or one track of each."""
    draws, dropout = Draws(options.seed, "x"), options.instruction_dropout
    if options.layout == "stage2":
        forced = options.teacher_forcing
        return stage2.document([t[0] for t in tracks], codec, teacher_forcing=forced)
    turns = [interleaved_ids(*t, codec) if len(t) == 2 else lane_ids(t[0], codec) for t in tracks]
    sections = [Section(lyrics, ids) for lyrics, ids in zip(LYRICS, turns, strict=False)]
    if options.layout == "mix":
        first = options.order == "audiofirst"
        return mix.document(text, sections, codec, audio_first=first, draws=draws, dropout=dropout)
    if options.layout == "interleave":
        return interleave.document(text, sections, codec, draws=draws, dropout=dropout)
    if options.layout == "icl":
        lanes = tracks[0][: options.prompt_lanes]
        prompt = interleaved_ids(*lanes, codec) if len(lanes) == 2 else lane_ids(lanes[0], codec)
        return icl.document(text, "pop", LYRICS, prompt, sections, codec)
    return cot.document(text, "pop", LYRICS, sections, codec)


@st.composite
def cases(draw: st.DrawFn) -> tuple[CodecRange, Options]:
    layout = draw(st.sampled_from(list(LAYOUTS)))
    least = 2 if layout == "stage2" else 1
    names = [name for name in CODECS if codec_range(name).codebooks >= least]
    codec = codec_range(draw(st.sampled_from(names)))
    options = Options(
        layout=layout,
        codebooks=draw(st.none() | st.integers(least, codec.codebooks)),
        audio_prompt=draw(st.sampled_from(AUDIO_PROMPTS)),
        order=draw(st.sampled_from(("textfirst", "audiofirst"))),
        teacher_forcing=draw(st.booleans()),
        instruction_dropout=draw(st.sampled_from((0.0, 0.5, 1.0))),
    )
    return codec, options


def shape_of(text: TextTokenizer, options: Options, codec: CodecRange) -> Shape:
    return Shape.of(options.ids(codec), options, tuple(text.encode(REFERENCE_MARKER).tolist()))


@settings(deadline=None, max_examples=300)
@given(cases(), st.lists(st.integers(1, 40), min_size=1, max_size=2), st.integers(0, 99))
def test_codes_come_back(
    tokenizer: TextTokenizer, case: tuple[CodecRange, Options], frames: list[int], seed: int
) -> None:
    codec, options = case
    ids = options.ids(codec)
    sections = [
        [random_codes(ids, n, seed + 10 * place + lane) for lane in range(options.lanes)]
        for place, n in enumerate(frames)
    ]
    document = make(tokenizer, options, ids, sections)
    assert [t for t in document.tokens if t == EOD] == [document.tokens[-1]]
    shape = shape_of(tokenizer, options, codec)
    blocks = audio_blocks(document.tokens, shape)
    if options.layout == "icl":
        prompt = blocks.pop(0)
        assert prompt.is_prompt
        expected = sections[0][: options.prompt_lanes]
        assert all(map(np.array_equal, prompt.lanes, expected))
        assert len(prompt.lanes) == len(expected)
    assert len(blocks) == len(sections)
    for block, lanes in zip(blocks, sections, strict=True):
        assert not block.is_prompt
        assert len(block.lanes) == len(lanes)
        assert all(map(np.array_equal, block.lanes, lanes))
    assert document_faults(document.tokens, shape) == []
    check_roles(document.tokens, shape, sections)


def check_roles(tokens: np.ndarray, shape: Shape, sections: list[list[np.ndarray]]) -> None:
    """Every code has the role of its track, or of its codebook where a track is alone."""
    roles = shape.roles(tokens)
    codes = sum(lanes[0].size for lanes in sections)
    if shape.lanes == 2:
        assert [int((roles == r).sum()) for r in (Role.VOCAL, Role.INSTRUMENTAL)] == [codes] * 2
        assert not np.isin(roles, CODEBOOKS).any()
        return
    frames = codes // shape.codec.codebooks
    for book, role in enumerate(CODEBOOKS[: shape.codec.codebooks]):
        found = tokens[roles == role]
        twice = shape.is_stage2 and book == 0 and len(found) == 2 * frames
        assert len(found) == frames * (2 if twice else 1)
        offset, size = shape.codec.offsets[book], shape.codec.sizes[book]
        assert np.all((found >= offset) & (found < offset + size))


@settings(deadline=None, max_examples=150)
@given(cases(), st.data())
def test_one_changed_id_is_an_error_a_fault_or_another_code(
    tokenizer: TextTokenizer, case: tuple[CodecRange, Options], data: st.DataObject
) -> None:
    """Decoding never reads a document as something that its layout did not write."""
    codec, options = case
    ids = options.ids(codec)
    sections = [[random_codes(ids, 5, lane) for lane in range(options.lanes)]]
    document = make(tokenizer, options, ids, sections)
    shape = shape_of(tokenizer, options, codec)
    tokens = document.tokens.copy()
    place = data.draw(st.integers(0, len(tokens) - 2))
    tokens[place] = data.draw(st.sampled_from([SOA, EOA, STAGE_1, STAGE_2, 5, codec.offset, -1]))
    faults = document_faults(tokens, shape)
    assert all(0 <= fault.token < len(tokens) for fault in faults)
    try:
        blocks = audio_blocks(tokens, shape)
    except TokenFileError:
        assert faults, "what cannot be decoded is odd"
        return
    for block in blocks:
        for lane in block.lanes:
            assert np.all((lane >= 0) & (lane < np.array(ids.sizes)[:, None]))


def text_of(tokenizer: TextTokenizer, text: str) -> list[int]:
    return tokenizer.encode(text).tolist()


def test_interleave_writes_an_instruction_for_each_section(tokenizer: TextTokenizer) -> None:
    pair = [np.array([[1, 2]]), np.array([[3, 4]])]
    found = make(tokenizer, Options(layout="interleave"), XCODEC, [pair])
    assert found.tokens.tolist() == [
        *text_of(tokenizer, f"{cot.INSTRUCTION}\n{LYRICS[0]}"),
        *[SOA, 32016, 45335, 45337, 45336, 45338, EOA, EOD],
    ]


@pytest.mark.parametrize("order", ["textfirst", "audiofirst"])
def test_mix_writes_text_and_audio_in_the_order_asked_for(
    tokenizer: TextTokenizer, order: str
) -> None:
    found = make(tokenizer, Options(layout="mix", order=order), XCODEC, [[np.array([[7, 8]])]])
    text = text_of(tokenizer, f"{cot.INSTRUCTION}\n{LYRICS[0]}")
    audio = [SOA, 32016, 45341, 45342, EOA]
    parts = [audio, text] if order == "audiofirst" else [text, audio]
    assert found.tokens.tolist() == [*parts[0], *parts[1], EOD]


def test_icl_puts_the_reference_into_the_header(tokenizer: TextTokenizer) -> None:
    pair = [np.array([[1, 2]]), np.array([[3, 4]])]
    found = make(tokenizer, Options(layout="icl"), XCODEC, [pair])
    reference = [
        *text_of(tokenizer, "[start_of_reference]"),
        *[SOA, 32016, 45335, 45337, 45336, 45338, EOA],
        *text_of(tokenizer, "[end_of_reference]"),
    ]
    header, section = found.sequences
    assert header.tolist() == [*text_of(tokenizer, cot.head_text("pop", LYRICS)), *reference]
    plain = make(tokenizer, Options(layout="cot"), XCODEC, [pair])
    assert section.tolist() == plain.sequences[1].tolist()


@pytest.mark.parametrize("forced", [False, True])
def test_stage2_adds_codebooks_frame_by_frame(tokenizer: TextTokenizer, forced: bool) -> None:
    codes = np.array([[1, 2], [3, 4], [5, 6]])
    ids = codec_range("xcodec").first(3)
    options = Options(layout="stage2", codebooks=3, teacher_forcing=forced)
    found = make(tokenizer, options, ids, [[codes]]).tokens.tolist()
    first, base = 45334, [45334 + 1024, 45334 + 2048]
    rest = []
    for t in range(2):
        rest += ([first + codes[0, t]] if forced else []) + [
            base[k] + codes[k + 1, t] for k in (0, 1)
        ]
    assert found == [SOA, STAGE_1, first + 1, first + 2, STAGE_2, *rest, EOA, EOD]


def test_tracks_of_several_codebooks_take_turns_id_by_id() -> None:
    vocal, instrumental = np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]])
    codec = codec_range("semanticodec")
    semantic, acoustic = codec.offsets
    assert interleaved_ids(vocal, instrumental, codec).tolist() == [
        *[semantic + 1, semantic + 5, acoustic + 3, acoustic + 7],
        *[semantic + 2, semantic + 6, acoustic + 4, acoustic + 8],
    ]


def test_instruction_dropout_is_drawn_for_each_section(tokenizer: TextTokenizer) -> None:
    sections = [Section("[verse]\nla\n\n", np.array([45335, 45336], dtype=np.int32))] * 400
    lengths = [
        interleave.document(tokenizer, sections, XCODEC, draws=Draws(s, "x"), dropout=0.25).lengths
        for s in (0, 0, 1)
    ]
    assert lengths[0] == lengths[1] != lengths[2]
    short = min(lengths[0])
    share = sum(length < short + 5 for length in lengths[0]) / 400
    assert 0.18 < share < 0.32


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CODECS)
def test_files_give_the_codes_back(
    small_model: Path, tmp_path: Path, name: str, layout: str
) -> None:
    codec = codec_range(name)
    options = Options(layout=layout, prompt_seconds=2.0, audio_prompt="mixture")
    if layout == "stage2" and codec.codebooks == 1:
        pytest.skip("one codebook: there is no second stage")
    rate = float(codec.frame_rate or 50)
    frames = int(rate * 14)
    tracks = {key: random_codes(codec, frames, n) for n, key in enumerate(KEYS)}
    write_row(tmp_path, tracks, frames, rate)
    write_token_files(
        tmp_path / "s.jsonl", tmp_path, small_model, codec, output_prefix=tmp_path / "t",
        options=options,
    )  # fmt: skip
    files = TokenFiles.open(tmp_path / "t")
    tokens = files.document(0)
    blocks = audio_blocks(tokens, files.info.shape(tokens))
    books = files.info.codec.codebooks
    step, half = codec.align, frames // 2 // 8 * 8
    whole = [slice(0, half), slice(half, frames // step * step)]
    if layout == "icl":
        prompt = blocks.pop(0)
        assert contains(tracks["codec"][:books], prompt.lanes[0])
        assert prompt.lanes[0].shape[1] == round(2 * rate) // step * step
    if layout == "stage2":
        chunk = blocks[0].lanes[0].shape[1]
        assert len(blocks) == frames // chunk == 2
        whole = [slice(0, chunk), slice(chunk, 2 * chunk)]
    names = KEYS[1:] if options.lanes == 2 else KEYS[:1]
    for block, cut in zip(blocks, whole, strict=True):
        expected = [tracks[key][:books, cut] for key in names]
        assert len(block.lanes) == len(expected)
        assert all(map(np.array_equal, block.lanes, expected))


KEYS = ("codec", "vocals_codec", "instrumental_codec")


def contains(codes: np.ndarray, part: np.ndarray) -> bool:
    length = part.shape[1]
    return any(
        np.array_equal(codes[:, start : start + length], part)
        for start in range(codes.shape[1] - length + 1)
    )


def write_row(folder: Path, tracks: dict[str, np.ndarray], frames: int, rate: float) -> None:
    row: dict[str, Any] = {"id": "x", "genres": "pop", "audio_length_in_sec": frames / rate}
    for key, codes in tracks.items():
        np.save(folder / f"{key}.npy", codes)
        row[key] = f"{key}.npy"
    half = frames // 2 // 8 * 8
    row["splitted_lyrics"] = {
        "segmented_lyrics": [
            {"codec_frame_start": a, "codec_frame_end": b, "line_content": LYRICS[0]}
            for a, b in ((0, half), (half, frames))
        ]
    }
    (folder / "s.jsonl").write_text(json.dumps(row) + "\n")

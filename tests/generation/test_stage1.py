"""Generated ids against a plain loop over the whole vocabulary without a cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from yue.errors import GenerationError
from yue.generation.prompt import SectionPrompt, SongPrompt, song_prompt
from yue.generation.song_state import Alphabet, SectionCodes, SectionLimits
from yue.generation.stage1 import Stage1
from yue.generation.stream import SlicedHead, Stream
from yue.generation.token_sampling import Sampling, guide, sample
from yue.tokens.layouts import cot
from yue.tokens.layouts.blocks import SectionIds, SongParts, interleaved_ids
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import EOA, CodecRange

LYRICS = ("[verse 2]\nla di da\n\n", "[pre-chorus]\n\n", "[outro]\nhey\n\n")
HOW = Sampling(temperature=1.1, top_k=50, top_p=0.93, repetition_penalty=1.1, guidance_scale=1.0)


@pytest.fixture(scope="session")
def song(tokenizer: TextTokenizer, codec: CodecRange) -> SongPrompt:
    return song_prompt(
        tokenizer, codec, song_id="one", genres="folk", line_contents=LYRICS, sections=None, seed=5
    )


def whole_vocabulary_reference(
    model: LlamaForCausalLM,
    song: SongPrompt,
    limits: SectionLimits,
    codec: CodecRange,
    sampling: Sampling,
) -> list[int]:
    """All ids of the song: every step reads everything again and masks 92,288 logits."""
    generator = torch.Generator().manual_seed(song.seed)
    ids = song.head.tolist()
    codes = range(codec.offset, codec.offset + codec.codebook_size)
    # A random number means the same id only where ids come in the same order.
    rest = set(range(model.config.vocab_size)) - {*codes, EOA}
    order = torch.tensor([*codes, EOA, *sorted(rest)])
    seen: set[int] = set()
    given = sampling.guidance_scale
    first, then = given if isinstance(given, tuple) else (given, given)
    for opening in song.sections:
        scale = first if opening is song.sections[0] else then
        ids += opening.before.tolist()
        blind = ids[-1:]
        uniforms = torch.rand(2 * limits.max_frames, generator=generator, dtype=torch.float64)
        for position in range(2 * limits.max_frames):
            allowed = [*codes, EOA]
            mask = torch.zeros(model.config.vocab_size, dtype=torch.bool)
            mask[allowed] = True
            logits = whole_logits(model, ids)
            if scale != 1.0:
                logits = logits.masked_fill(~mask, -1e30)
                unprompted = whole_logits(model, blind).masked_fill(~mask, -1e30)
                logits = guide(logits[None], unprompted[None], scale)[0]
            if position % 2 or position < 2 * limits.min_frames:
                mask[EOA] = False
            logits = logits.masked_fill(~mask, float("-inf"))
            penalised = torch.zeros_like(mask)
            penalised[list(seen)] = True
            uniform = uniforms[position][None]
            drawn = sample(logits[None, order], penalised[None, order], uniform, sampling)
            token = int(order[drawn])
            if token == EOA:
                break
            ids.append(token)
            blind.append(token)
            seen.add(token)
        ids += opening.after.tolist()
    return ids


def whole_logits(model: LlamaForCausalLM, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1].to(torch.float64)


def all_ids(song: SongPrompt, sections: Sequence[SectionCodes], codec: CodecRange) -> list[int]:
    ids = song.head.tolist()
    for opening, section in zip(song.sections, sections, strict=True):
        ids += all_ids_of(opening, section, codec)
    return ids


def all_ids_of(opening: SectionPrompt, section: SectionCodes, codec: CodecRange) -> list[int]:
    codes = np.stack([section.vocal[0], section.instrumental[0]], axis=1).ravel()
    return [
        *opening.before.tolist(),
        *(codec.offset + int(c) for c in codes),
        *opening.after.tolist(),
    ]


@pytest.mark.parametrize("scale", [1.0, (1.5, 1.2), (3.0, 1.0)])
def test_the_same_ids_as_without_cache_and_slicing(
    model: LlamaForCausalLM,
    song: SongPrompt,
    codec: CodecRange,
    alphabet: Alphabet,
    scale: float | tuple[float, float],
) -> None:
    sampling = Sampling(1.1, 50, 0.93, 1.1, scale)
    limits = SectionLimits(2, 9)
    sections = Stage1(model, alphabet, sampling).generate([song], limits)[0].sections
    expected = whole_vocabulary_reference(model, song, limits, codec, sampling)
    assert all_ids(song, sections, codec) == expected


def test_the_ids_are_a_training_document_of_the_codes(
    model: LlamaForCausalLM,
    song: SongPrompt,
    tokenizer: TextTokenizer,
    codec: CodecRange,
    alphabet: Alphabet,
) -> None:
    sections = Stage1(model, alphabet, HOW).generate([song], SectionLimits(2, 6))[0].sections
    laid_out = [
        SectionIds(text, interleaved_ids(section.vocal, section.instrumental, codec))
        for text, section in zip(LYRICS, sections, strict=True)
    ]
    trained = cot.document(SongParts(tokenizer, codec, laid_out, "folk", LYRICS))
    assert all_ids(song, sections, codec) == trained.tokens.tolist()[:-1]


def test_every_section_is_there_and_within_its_limits(
    model: LlamaForCausalLM, song: SongPrompt, codec: CodecRange, alphabet: Alphabet
) -> None:
    sections = Stage1(model, alphabet, HOW).generate([song], SectionLimits(3, 7))[0].sections
    assert len(sections) == len(LYRICS)
    for section in sections:
        assert 3 <= section.frames <= 7
        assert section.frames == section.instrumental.shape[1]
        assert section.vocal.min() >= 0
        assert section.instrumental.max() < codec.codebook_size
        assert section.ended or section.frames == 7


def test_a_song_does_not_depend_on_the_batch(
    model: LlamaForCausalLM,
    song: SongPrompt,
    tokenizer: TextTokenizer,
    codec: CodecRange,
    alphabet: Alphabet,
) -> None:
    """Rows of other lengths, other ends and fewer sections leave a song's ids as they are."""
    other = song_prompt(
        tokenizer,
        codec,
        song_id="two",
        genres="a much longer list of genres than the first song has",
        line_contents=("[chorus]\nla\n\n", "[a]\nla la la la\n\n"),
        sections=None,
        seed=9,
    )
    limits = SectionLimits(1, 8)
    stage1 = Stage1(model, alphabet, Sampling(1.1, 50, 0.93, 1.1, 1.3))
    together = stage1.generate([song, other], limits)
    for prompt, sung in zip([song, other], together, strict=True):
        alone = stage1.generate([prompt], limits)[0].sections
        assert all_ids(prompt, sung.sections, codec) == all_ids(prompt, alone, codec)


def test_a_seed_names_a_song(
    model: LlamaForCausalLM, song: SongPrompt, codec: CodecRange, alphabet: Alphabet
) -> None:
    stage1 = Stage1(model, alphabet, HOW)
    limits = SectionLimits(8, 8)
    first = all_ids(song, stage1.generate([song], limits)[0].sections, codec)
    again = all_ids(song, stage1.generate([song], limits)[0].sections, codec)
    other = replace(song, seed=6)
    assert first == again
    assert first != all_ids(other, stage1.generate([other], limits)[0].sections, codec)


def test_a_long_song_keeps_its_head_and_its_latest_sections(
    model: LlamaForCausalLM,
    tokenizer: TextTokenizer,
    codec: CodecRange,
    alphabet: Alphabet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the context, the ids are those of a fresh model that reads head and last sections."""
    texts = tuple(f"[verse {n}]\nla\n\n" for n in range(6))
    song = song_prompt(
        tokenizer, codec, song_id="x", genres="x", line_contents=texts, sections=None, seed=1
    )
    frames = 10
    length = len(song.sections[0].before) + 2 * frames + len(song.sections[0].after)
    context = len(song.head) + 3 * length + length // 2
    monkeypatch.setattr(model.config, "max_position_embeddings", context)
    greedy = Sampling(temperature=0.0, repetition_penalty=1.2)
    limits = SectionLimits(frames, frames)
    sections = Stage1(model, alphabet, greedy).generate([song], limits)[0].sections
    tokens = [
        all_ids_of(opening, section, codec)
        for opening, section in zip(song.sections, sections, strict=True)
    ]
    opening = song.sections[-1]
    ids = [*song.head.tolist(), *tokens[-3], *tokens[-2], *opening.before.tolist()]
    assert len(ids) + 2 * frames <= context < len(ids) + len(tokens[-4]) + 2 * frames
    seen = {int(c) for s in sections[:-1] for lane in (s.vocal, s.instrumental) for c in lane[0]}
    for code in np.stack([sections[-1].vocal[0], sections[-1].instrumental[0]], axis=1).ravel():
        logits = whole_logits(model, ids)[codec.offset : codec.offset + codec.codebook_size]
        heard = torch.tensor([[c in seen for c in range(codec.codebook_size)]])
        expected = int(sample(logits[None], heard, torch.zeros(1, dtype=torch.float64), greedy))
        assert expected == int(code)
        ids.append(codec.offset + expected)
        seen.add(expected)


def test_a_section_that_cannot_fit_is_refused_before_any_work(
    model: LlamaForCausalLM, song: SongPrompt, codec: CodecRange, alphabet: Alphabet
) -> None:
    with pytest.raises(
        GenerationError, match=r"song 'one', section 1 \[verse 2\]: .* context of 1024"
    ):
        Stage1(model, alphabet, HOW).generate([song], SectionLimits(1, 600))


def test_the_stream_reads_ragged_chunks_as_single_rows(
    model: LlamaForCausalLM, codec: CodecRange
) -> None:
    ids = torch.arange(codec.offset, codec.offset + 16)
    head = SlicedHead(model.lm_head, ids)
    chunks = [
        [np.arange(5), np.arange(40, 43), np.zeros(0, int)],
        [np.arange(7, 8), np.zeros(0, int), np.arange(60, 64)],
        [np.arange(3), np.arange(9), np.arange(2)],
    ]
    stream = Stream(model, head, 3)
    for chunk in chunks:
        logits = stream.read([c.astype(np.int32) for c in chunk])
    rows = [np.concatenate([chunk[row] for chunk in chunks]).tolist() for row in range(3)]
    assert stream.lengths == [len(row) for row in rows]
    for row, text in enumerate(rows):
        expected = whole_logits(model, text)[ids]
        assert torch.allclose(logits[row], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("wish", "min_song_frames", "frames"),
    [(1e3, 0, [3, 3, 3]), (1e3, 12, [3, 3, 6]), (1e3, 99, [3, 3, 7]), (-1e3, 0, [7, 7, 7])],
)
def test_a_model_that_always_or_never_wants_to_end_meets_the_limits(
    model: LlamaForCausalLM,
    song: SongPrompt,
    codec: CodecRange,
    alphabet: Alphabet,
    monkeypatch: pytest.MonkeyPatch,
    wish: float,
    min_song_frames: int,
    frames: list[int],
) -> None:
    """The end comes after whole frames, neither too early nor too late."""
    original = SlicedHead.__call__

    def wishing(self: SlicedHead, hidden: torch.Tensor, span: slice) -> torch.Tensor:
        logits = original(self, hidden, span)
        logits[:, -1] = wish
        return logits

    monkeypatch.setattr(SlicedHead, "__call__", wishing)
    limits = SectionLimits(3, 7, min_song_frames)
    sections = Stage1(model, alphabet, HOW).generate([song], limits)[0].sections
    assert [section.frames for section in sections] == frames
    assert [section.instrumental.shape[1] for section in sections] == frames
    assert [section.ended for section in sections] == [count < 7 for count in frames]


def test_adjacent_sections_share_one_cache(
    model: LlamaForCausalLM,
    song: SongPrompt,
    codec: CodecRange,
    alphabet: Alphabet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No token is read twice while the song fits the context."""
    read: list[int] = []
    original = Stream.read

    def counting(self: Stream, chunks: list[np.ndarray], span: slice) -> torch.Tensor:
        read.append(sum(map(len, chunks)))
        return original(self, chunks, span)

    monkeypatch.setattr(Stream, "read", counting)
    sections = Stage1(model, alphabet, HOW).generate([song], SectionLimits(2, 6))[0].sections
    ids = all_ids(song, sections, codec)
    # What ends the last section is never read; nor is its last code, unless the model ended it.
    unread = len(song.sections[-1].after) + (0 if sections[-1].ended else 1)
    assert sum(read) == len(ids) - unread
    assert all(a >= 1 for a, _ in pairwise(read))

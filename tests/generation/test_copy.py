"""A model that has learned songs by heart sings them, code by code, in every way there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from yue.generation.prompt import SongPrompt, song_prompt
from yue.generation.song_state import Alphabet, SectionLimits
from yue.generation.stage1 import Stage1
from yue.generation.stage2_model import Stage2
from yue.generation.stream import SlicedHead, Stream, cached_attention
from yue.generation.token_sampling import Sampling
from yue.tokens.layouts import cot, icl, stage2
from yue.tokens.layouts.blocks import SectionIds, SongParts, interleaved_ids, lane_ids
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import EOD, codec_range

LYRICS = ("[verse 2]\nla di da\n\n", "[pre-chorus]\n\n", "[outro]\nhey\n\n")
FRAMES = (5, 3, 6)
ONE, FOUR = codec_range("dac16k").first(1), codec_range("dac16k")
CODES = {
    codec: [
        np.random.default_rng(n).integers(0, 1024, (2, codec.codebooks, frames), dtype=np.int16)
        for n, frames in enumerate(FRAMES)
    ]
    for codec in (ONE, FOUR)
}
TRACK = np.random.default_rng(9).integers(0, 1024, (4, 14), dtype=np.int16)
WAYS = ("cot", "dual", "vocal", "inst", "mixture", "four codebooks")


def reference(way: str) -> np.ndarray | None:
    """A prompt of 5 frames for the ways that have one."""
    codes = np.random.default_rng(20).integers(0, 1024, (3, 1, 5))
    if way == "dual":
        return interleaved_ids(codes[0], codes[1], ONE)
    tracks = {"vocal": 0, "inst": 1, "mixture": 2}
    return lane_ids(codes[tracks[way]], ONE) if way in tracks else None


def prompt_of(tokenizer: TextTokenizer, way: str) -> SongPrompt:
    codec = FOUR if way == "four codebooks" else ONE
    return song_prompt(
        tokenizer,
        codec,
        song_id=way,
        genres=way,
        line_contents=LYRICS,
        reference=reference(way),
        sections=None,
        seed=0,
    )


def document_of(tokenizer: TextTokenizer, way: str) -> np.ndarray:
    codec = FOUR if way == "four codebooks" else ONE
    sections = [
        SectionIds(text, interleaved_ids(vocal, instrumental, codec))
        for text, (vocal, instrumental) in zip(LYRICS, CODES[codec], strict=True)
    ]
    audio = reference(way)
    if audio is None:
        return cot.document(SongParts(tokenizer, codec, sections, way, LYRICS)).tokens
    return icl.document(SongParts(tokenizer, codec, sections, way, LYRICS, audio)).tokens


@pytest.fixture(scope="module")
def documents(tokenizer: TextTokenizer) -> dict[str, np.ndarray]:
    found = {way: document_of(tokenizer, way) for way in WAYS}
    return found | {"stage2": stage2.document([TRACK], FOUR, teacher_forcing=True).tokens}


@pytest.fixture(scope="module")
def copyist(documents: dict[str, np.ndarray]) -> LlamaForCausalLM:
    """A random decoder whose output layer is trained on the documents, by least squares.

    There are fewer ids to say than it has dimensions, so that all of them can be learned.
    """
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=FOUR.end,
        hidden_size=512,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.1,
    )
    model = LlamaForCausalLM(config).eval()
    states, targets = [], []
    with torch.inference_mode():
        for tokens in documents.values():
            ids = torch.from_numpy(tokens.astype(np.int64))
            hidden = model.model(input_ids=ids[None], use_cache=False).last_hidden_state[0]
            is_said = ids[1:] > EOD
            states.append(hidden[:-1][is_said].double())
            targets.append(ids[1:][is_said])
        seen, places = torch.unique(torch.cat(targets), return_inverse=True)
        assert len(places) < config.hidden_size
        wanted = F.one_hot(places, len(seen)).double()
        rows = torch.linalg.lstsq(torch.cat(states), wanted, driver="gelsd").solution.T
        model.lm_head.weight.zero_()
        model.lm_head.weight[seen] = rows.float()
    return model


@pytest.mark.parametrize("way", WAYS)
def test_a_song_learned_by_heart_is_sung_exactly(
    copyist: LlamaForCausalLM, documents: dict[str, np.ndarray], tokenizer: TextTokenizer, way: str
) -> None:
    """Every code, and every section's end, which the limits leave open."""
    codec = FOUR if way == "four codebooks" else ONE
    stage1 = Stage1(copyist, Alphabet(codec, codec.sizes), Sampling(temperature=0.0))
    [song] = stage1.generate([prompt_of(tokenizer, way)], SectionLimits(1, 20))
    for section, (vocal, instrumental) in zip(song.sections, CODES[codec], strict=True):
        assert np.array_equal(section.vocal, vocal)
        assert np.array_equal(section.instrumental, instrumental)
        assert section.ended
    assert [*song.tokens, EOD] == documents[way].tolist()


def test_a_batch_of_all_ways_is_sung_exactly(
    copyist: LlamaForCausalLM, tokenizer: TextTokenizer
) -> None:
    prompts = [prompt_of(tokenizer, way) for way in WAYS[:-1]]
    stage1 = Stage1(copyist, Alphabet(ONE, ONE.sizes), Sampling(temperature=0.0))
    for song in stage1.generate(prompts, SectionLimits(1, 20)):
        expected = np.concatenate([vocal for vocal, _ in CODES[ONE]], axis=1)
        assert np.array_equal(song.codes["vocal"], expected)


def test_a_track_learned_by_heart_is_filled_exactly(copyist: LlamaForCausalLM) -> None:
    [filled] = Stage2(copyist, FOUR, FOUR.sizes).fill([TRACK[0]])
    assert np.array_equal(filled, TRACK)


@pytest.mark.parametrize("way", ["dual", "stage2"])
def test_logits_with_a_cache_are_those_without(
    copyist: LlamaForCausalLM, documents: dict[str, np.ndarray], way: str
) -> None:
    tokens: Any = documents[way]
    allowed = torch.from_numpy(np.unique(tokens).astype(np.int64))
    with torch.inference_mode(), cached_attention(copyist):
        ids = torch.from_numpy(tokens.astype(np.int64))[None]
        expected = copyist(ids).logits[0][:, allowed].double()
        stream = Stream(copyist, SlicedHead(copyist.lm_head, allowed), 1)
        found = torch.cat([stream.read([token[None]]) for token in tokens])
    assert float((found - expected).abs().max()) < 1e-5 < 0.9 < float(expected.max())

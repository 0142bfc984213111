"""Stage 2 against the training layout and a model that reads everything anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from yue.errors import GenerationError
from yue.generation import stage2_model as module
from yue.generation.stage2_model import Stage2, check_stage2
from yue.tokens.layouts import stage2 as layout
from yue.tokens.vocabulary import EOA, EOD, CodecRange, codec_range

FRAMES = 5


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> CodecRange:
    """Chunks of a tenth of a second, three codebooks."""
    monkeypatch.setattr(module, "chunk_frames", lambda codec: FRAMES)
    monkeypatch.setattr(module, "_BATCH", 3)
    return codec_range("melrvq").first(3)


def tracks(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 900, length, dtype=np.int16) for length in lengths]


def test_every_code_is_the_likeliest_after_the_training_document_so_far(
    model: LlamaForCausalLM, codec: CodecRange
) -> None:
    sizes = (1024, 1000, 700)  # the codec has fewer codes than the vocabulary has ids
    given = tracks(12, 4, 5, 10)
    filled = Stage2(model, codec, sizes).fill(given)
    for first, codes in zip(given, filled, strict=True):
        assert codes.shape == (3, len(first))
        assert codes.dtype == np.int16
        assert np.array_equal(codes[0], first)
        for start in range(0, len(first), FRAMES):
            chunk = codes[:, start : start + FRAMES]
            tokens = layout.document([chunk], codec, teacher_forcing=True).tokens
            assert tokens[-2:].tolist() == [EOA, EOD]
            with torch.inference_mode():
                ids = torch.from_numpy(tokens.astype(np.int64))
                logits = model(ids[None]).logits[0]
            said = np.arange(len(tokens) - 2) - (chunk.shape[1] + 3)
            for place in np.flatnonzero((said >= 0) & (said % 3 > 0)):
                book = said[place] % 3
                offset = codec.offsets[book]
                allowed = logits[place - 1, offset : offset + sizes[book]]
                code = int(tokens[place]) - offset
                assert float(allowed.max() - allowed[code]) < 1e-4


def test_a_track_does_not_depend_on_the_others(model: LlamaForCausalLM, codec: CodecRange) -> None:
    given = tracks(12, 4, 5, 10)
    stage2 = Stage2(model, codec, codec.sizes)
    frames: list[int] = []
    together = stage2.fill(given, frames.append)
    assert sum(frames) == 31
    for first, codes in zip(given, together, strict=True):
        assert np.array_equal(stage2.fill([first])[0], codes)
    assert stage2.fill([np.zeros(0, np.int16)])[0].shape == (3, 0)


def test_nothing_is_read_twice(
    model: LlamaForCausalLM, codec: CodecRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = module.Stream.read

    def counting(self: module.Stream, chunks: list[np.ndarray], span: slice) -> torch.Tensor:
        read.append(sum(map(len, chunks)))
        return original(self, chunks, span)

    monkeypatch.setattr(module.Stream, "read", counting)
    Stage2(model, codec, codec.sizes).fill(tracks(FRAMES))
    assert sum(read) == FRAMES + 3 + 3 * FRAMES - 1  # but for the last id, which nothing follows


def test_a_context_that_holds_no_chunk_is_refused() -> None:
    codec = codec_range("xcodec").first(8)
    check_stage2(module.Path("x"), codec, 2703)
    with pytest.raises(GenerationError, match="a chunk of 300 frames and 8 codebooks has 2703"):
        check_stage2(module.Path("x"), codec, 2702)
    check_stage2(module.Path("x"), replace(codec, sizes=(1024,) * 2), 903)

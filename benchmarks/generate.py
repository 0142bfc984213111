"""Tokens a second of stage 1 and stage 2, side by side with the scheme of YuE's inference.

Random models of YuE's architecture and vocabulary, small enough for a CPU. YuE's stage 2 calls
``generate`` once for each frame, which reads the whole chunk so far again; its stage 1 calls it
once for each section, which reads the whole song so far again, one song at a time. Both are written
here as in ``inference/infer.py`` (commit 9f1394b), with Transformers' own ``generate``.

All ways say the same number of tokens. Upstream's stage 2 is measured at evenly spaced frames,
since a whole chunk takes minutes, and there it must say what ours says. A figure is the best of
the rounds, in processor time on a CPU, since machines are shared.

    python benchmarks/generate.py [--hidden 256] [--layers 4] [--rounds 3] [--device cpu]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor, LogitsProcessorList

from yue.codec_facts import YUE_ROWS
from yue.generation.prompt import SectionPrompt, SongPrompt
from yue.generation.song_state import Alphabet, SectionLimits
from yue.generation.stage1 import Stage1
from yue.generation.stage2_model import Stage2
from yue.generation.token_sampling import Sampling
from yue.tokens.layouts.blocks import END, opening
from yue.tokens.layouts.stage2 import chunk_start_ids
from yue.tokens.vocabulary import EOA, SOA, codec_range

ONE, EIGHT = codec_range("xcodec").first(1), codec_range("xcodec").first(8)
CHUNK, BATCH = 300, 4  # frames; chunks that go through stage 2 together, upstream's default
HEAD, WORDS, SECTIONS, SECTION_FRAMES = 400, 80, 3, 50
HOW = Sampling(temperature=1.0, top_p=0.93, repetition_penalty=1.1, guidance_scale=1.5)


def _clock() -> float:
    """Seconds: of all processors on a CPU, of the wall on a GPU."""
    if not torch.cuda.is_initialized():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def make_model(hidden: int, layers: int, device: str) -> LlamaForCausalLM:
    torch.manual_seed(0)
    heads = max(8, hidden // 64)
    config = LlamaConfig(
        vocab_size=YUE_ROWS,
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 8),
        max_position_embeddings=16_384,
        initializer_range=0.1,
        pad_token_id=EOA,
        eos_token_id=EOA,
    )
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    return LlamaForCausalLM(config).eval().to(device, dtype)


class Block(LogitsProcessor):
    """Upstream's BlockTokenRangeProcessor, for what lies outside [start, end)."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (rows, vocabulary), minus infinity outside."""
        scores[:, : self.start] = -float("inf")
        scores[:, self.end :] = -float("inf")
        return scores


class Turns(LogitsProcessor):
    """Only codes of the codebook whose turn it is, as ours allows: then both say the same."""

    def __init__(self, prompt: int) -> None:
        self.prompt = prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (rows, vocabulary), minus infinity outside the codebook."""
        start = EIGHT.offsets[1 + input_ids.shape[1] - self.prompt]
        return Block(start, start + 1024)(input_ids, scores)


def stage2_frame(model: LlamaForCausalLM, prompt: torch.Tensor) -> torch.Tensor:
    """One frame of upstream's stage 2: generate exactly seven ids after everything so far."""
    return model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        min_new_tokens=7,
        max_new_tokens=7,
        do_sample=False,
        logits_processor=LogitsProcessorList([Turns(prompt.shape[1])]),
    )


def upstream_stage2(model: LlamaForCausalLM, filled: np.ndarray, frames: int) -> float:
    """Seconds of a whole batch of chunks, from so many frames that are spread over them.

    Args:
        model: Stage 2.
        filled: What ours says, (rows, 8, CHUNK): the prefix of every frame that is measured.
        frames: How many to measure.
    """
    ids = filled + np.array(EIGHT.offsets)[:, None]
    starts = np.stack([chunk_start_ids(chunk[0], EIGHT) for chunk in filled])
    spent = 0.0
    places = np.linspace(0, CHUNK - 1, frames).round().astype(int)
    for frame in places:
        before = ids[:, :, :frame].transpose(0, 2, 1).reshape(len(ids), -1)
        prompt = np.concatenate([starts, before, ids[:, :1, frame]], axis=1)
        given = torch.from_numpy(prompt.astype(np.int64)).to(model.device)
        began = _clock()
        said = stage2_frame(model, given)
        spent += _clock() - began
        expected = ids[:, 1:, frame]
        assert np.mean(said[:, -7:].cpu().numpy() == expected) > 0.9, "both say the same"
    return spent / frames * CHUNK


def make_prompt(seed: int) -> SongPrompt:
    rng = np.random.default_rng(seed)
    text = [rng.integers(3, 32_000, n, dtype=np.int32) for n in (HEAD, *[WORDS] * SECTIONS)]
    starts = [np.concatenate([words, opening(ONE)]) for words in text[1:]]
    sections = tuple(SectionPrompt("", start, END) for start in starts)
    return SongPrompt("", text[0], sections, seed)


def upstream_stage1(model: LlamaForCausalLM, prompt: SongPrompt) -> None:
    """Section by section, the whole song so far as the prompt of each."""
    tokens = 2 * SECTION_FRAMES
    said = torch.from_numpy(prompt.head.astype(np.int64))[None].to(model.device)
    for part in prompt.sections:
        before = torch.from_numpy(part.before.astype(np.int64))[None].to(model.device)
        said = torch.cat([said, before], dim=1)
        said = model.generate(
            said,
            attention_mask=torch.ones_like(said),
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            do_sample=True,
            top_k=0,
            top_p=HOW.top_p,
            temperature=HOW.temperature,
            repetition_penalty=HOW.repetition_penalty,
            guidance_scale=HOW.guidance_scale,
            logits_processor=LogitsProcessorList([Block(SOA + 1, YUE_ROWS)]),
        )
        said = torch.cat([said, said.new_full((1, 1), EOA)], dim=1)


@contextmanager
def quiet() -> Iterator[None]:
    import logging

    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def best(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = _clock()
        run()
        times.append(_clock() - began)
    return min(times)


def show(name: str, tokens: float, seconds: float, peer: float | None = None) -> None:
    ratio = f"{tokens / seconds / peer:.1f}" if peer else "1"
    print(f"| {name} | {tokens / seconds:.1f} | {ratio} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=5, help="of a chunk, to measure upstream at")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    model = make_model(args.hidden, args.layers, args.device)
    weights = sum(p.numel() for p in model.model.layers.parameters()) / 1e6
    print(
        f"{weights:.1f} M parameters in {args.layers} layers; torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, {platform.platform()}, load {os.getloadavg()[0]:.1f}"
    )
    print("| | tokens a core second | times upstream |\n|---|---|---|")

    stage1 = Stage1(model, Alphabet(ONE, ONE.sizes), HOW)
    limits = SectionLimits(SECTION_FRAMES, SECTION_FRAMES)
    song = 2 * SECTION_FRAMES * SECTIONS
    theirs = song / best(lambda: upstream_stage1(model, make_prompt(0)), args.rounds)
    show("stage 1, upstream, one song", theirs, 1.0)
    for count in (1, 8):
        prompts = [make_prompt(seed) for seed in range(count)]
        seconds = best(lambda prompts=prompts: stage1.generate(prompts, limits), args.rounds)
        name = "one song" if count == 1 else f"{count} songs together"
        show(f"stage 1, yue, {name}", count * song, seconds, theirs)

    stage2 = Stage2(model, EIGHT, EIGHT.sizes)
    rng = np.random.default_rng(0)
    filled: list[np.ndarray] = []
    rows = []
    for count in (1, BATCH):
        tracks = list(rng.integers(0, 1024, (count, CHUNK), dtype=np.int16))
        began = _clock()
        found = stage2.fill(tracks)
        seconds = _clock() - began
        for _ in range(args.rounds - 1):
            seconds = min(seconds, best(lambda tracks=tracks: stage2.fill(tracks), 1))
        rows.append((f"stage 2, yue, {count} chunks together", 7 * CHUNK * count, seconds))
        filled = found
    spent = min(upstream_stage2(model, np.stack(filled), args.frames) for _ in range(args.rounds))
    theirs = 7 * CHUNK * BATCH / spent
    show(f"stage 2, upstream, {BATCH} chunks together", theirs, 1.0)
    for name, tokens, seconds in rows:
        show(name, tokens, seconds, theirs)


if __name__ == "__main__":
    with quiet():
        main()

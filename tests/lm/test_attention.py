"""Attention back-ends: which one is taken, and that each is causal inside its pieces."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.lm.attention import BACKENDS, candidates, choose_backend, first_that_works
from yue.lm.packed_pieces import block_mask, make_pieces

CPU = torch.device("cpu")
marks_lists = st.lists(st.integers(1, 300), min_size=1, max_size=6).map(
    lambda lengths: (0, *torch.tensor(lengths).cumsum(0).tolist())
)


@pytest.mark.parametrize(
    ("device", "dtype", "size", "capability", "expected"),
    [
        ("cpu", torch.bfloat16, 128, (0, 0), ("sdpa",)),
        ("cuda", torch.bfloat16, 128, (9, 0), ("varlen", "flex", "sdpa")),
        ("cuda", torch.float32, 128, (9, 0), ("flex", "sdpa")),
        ("cuda", torch.float16, 128, (7, 5), ("flex", "sdpa")),
        ("cuda", torch.bfloat16, 80, (8, 6), ("varlen", "sdpa")),
        ("cuda", torch.float16, 128, (7, 0), ("sdpa",)),
    ],
)
def test_a_device_gets_the_back_ends_that_it_can_run(
    device: str, dtype: torch.dtype, size: int, capability: tuple[int, int], expected: tuple
) -> None:
    assert candidates(device, dtype, size, capability) == expected


def test_a_back_end_that_fails_or_differs_is_passed_over_with_its_reason() -> None:
    def difference(name: str) -> float:
        if name == "broken":
            raise RuntimeError("no kernel image")
        return {"wrong": 0.5, "right": 0.001}[name]

    choice = first_that_works(("broken", "wrong", "right", "sdpa"), difference)
    assert choice.name == "right"
    assert dict(choice.refused) == {
        "broken": "RuntimeError: no kernel image",
        "wrong": "its results are off by 50.0%",
    }
    assert first_that_works(("wrong", "sdpa"), difference).name == "sdpa"


def test_a_cpu_attends_piece_by_piece() -> None:
    assert choose_backend(CPU, torch.float32, 4, 2, 16).name == "sdpa"


@settings(max_examples=20)
@given(marks_lists)
def test_flex_blocks_are_those_that_a_look_at_every_pair_finds(marks: tuple[int, ...]) -> None:
    from torch.nn.attention.flex_attention import create_block_mask

    mask = block_mask(marks, CPU)
    slow = create_block_mask(mask.mask_mod, None, None, marks[-1], marks[-1], device="cpu")
    assert torch.equal(mask.to_dense(), slow.to_dense())
    assert torch.equal(mask.full_kv_num_blocks, slow.full_kv_num_blocks)
    for row, count in enumerate(slow.full_kv_num_blocks[0, 0].tolist()):
        found, expected = (m.full_kv_indices[0, 0, row, :count] for m in (mask, slow))
        assert torch.equal(found.sort()[0], expected.sort()[0])


@settings(max_examples=10)
@given(marks_lists)
def test_flex_attention_equals_attention_by_piece(marks: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, marks[-1], 16) for heads in (4, 2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is slow on a CPU
        found = BACKENDS["flex"](query, key, value, make_pieces(marks, "flex", CPU), 0.3)
    expected = BACKENDS["sdpa"](query, key, value, make_pieces(marks, "sdpa", CPU), 0.3)
    torch.testing.assert_close(found, expected)


def test_varlen_gets_rows_of_heads_the_pieces_and_a_window_that_is_causal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The kernel is CUDA's; this takes its place with the same signature and meaning.
    def varlen_attn(query, key, value, cu_q, cu_k, max_q, max_k, *, scale, window_size):
        assert torch.equal(cu_q, cu_k)
        assert cu_q.dtype == torch.int32
        assert (max_q, max_k, window_size) == (12, 12, (-1, 0))
        parts = []
        for start, end in pairwise(cu_q.tolist()):
            one = [x[start:end].transpose(0, 1)[None] for x in (query, key, value)]
            attend = torch.nn.functional.scaled_dot_product_attention
            parts.append(attend(*one, is_causal=True, scale=scale, enable_gqa=True)[0])
        return torch.cat(parts, dim=1).transpose(0, 1)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_attn)
    marks = (0, 5, 17, 20)
    query, key, value = (torch.randn(1, heads, 20, 8) for heads in (4, 2, 2))
    found = BACKENDS["varlen"](query, key, value, make_pieces(marks, "varlen", CPU), 0.3)
    expected = BACKENDS["sdpa"](query, key, value, make_pieces(marks, "sdpa", CPU), 0.3)
    torch.testing.assert_close(found, expected)


def test_varlen_traces_to_one_graph_with_gradients() -> None:
    # On the meta device: shapes and autograd of the real operation, no arithmetic.
    meta = torch.device("meta")
    shapes = [(1, 4, 20, 8), (1, 2, 20, 8), (1, 2, 20, 8)]
    inputs = [torch.empty(s, device=meta, dtype=torch.bfloat16).requires_grad_() for s in shapes]
    output = BACKENDS["varlen"](*inputs, make_pieces((0, 5, 20), "varlen", meta), 0.3)
    assert output.shape == (1, 20, 4, 8)
    gradients = torch.autograd.grad(output.sum(), inputs)
    assert [g.shape for g in gradients] == [torch.Size(s) for s in shapes]

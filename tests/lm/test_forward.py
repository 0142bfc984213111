"""Hidden states of packed pieces."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.llama import tiny_llama
from yue.lm.forward import hidden_states, output_head

ROWS = 97


def some_tokens(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(0, ROWS, (count,), generator=torch.Generator().manual_seed(seed))


def test_one_piece_gives_what_transformers_gives(llama) -> None:
    tokens = some_tokens(33)
    plain = copy.deepcopy(llama).model(tokens[None]).last_hidden_state[0]
    torch.testing.assert_close(hidden_states(llama, tokens, [0, 33]), plain)


@pytest.mark.parametrize("changed", [1, 7, 20, 39])
def test_a_changed_token_never_moves_a_hidden_state_before_it(llama, changed: int) -> None:
    tokens = some_tokens(40)
    other = tokens.clone()
    other[changed] = (other[changed] + 1) % ROWS
    before, after = (hidden_states(llama, t, [0, 40]) for t in (tokens, other))
    assert torch.equal(before[:changed], after[:changed])
    assert not torch.equal(before[changed:], after[changed:])


@settings(max_examples=15)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_packed_pieces_equal_pieces_alone(lengths: list[int]) -> None:
    model = packed_model()
    pieces = [some_tokens(length, seed) for seed, length in enumerate(lengths)]
    marks = torch.tensor([0, *lengths]).cumsum(0)
    packed = hidden_states(model, torch.cat(pieces), marks)
    alone = torch.cat([hidden_states(model, piece, [0, len(piece)]) for piece in pieces])
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-5)


def test_a_changed_token_never_moves_another_piece(llama) -> None:
    tokens = some_tokens(40)
    other = tokens.clone()
    other[3] = (other[3] + 1) % ROWS
    before, after = (hidden_states(llama, t, [0, 10, 25, 40]) for t in (tokens, other))
    assert torch.equal(before[10:], after[10:])


def test_attention_never_makes_a_mask_or_scores_of_the_whole_sequence(llama) -> None:
    # The flash kernel refuses masks and never holds the scores; any other way would raise here.
    tokens = some_tokens(64)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        hidden_states(llama, tokens, [0, 40, 64])


def test_an_adapter_changes_hidden_states_and_learns(llama) -> None:
    tokens = some_tokens(30)
    plain = hidden_states(llama, tokens, [0, 12, 30])
    tuned = get_peft_model(llama, LoraConfig(r=4, target_modules="all-linear"))
    torch.testing.assert_close(hidden_states(tuned, tokens, [0, 12, 30]), plain)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    changed = hidden_states(tuned, tokens, [0, 12, 30])
    assert not torch.allclose(changed, plain)
    output_head(tuned)(changed).sum().backward()
    adapters = [w for w in tuned.parameters() if w.requires_grad]
    assert adapters
    assert all(w.grad is not None for w in adapters)
    with tuned.disable_adapter():
        torch.testing.assert_close(hidden_states(tuned, tokens, [0, 12, 30]), plain)


def test_gradient_checkpointing_gives_the_same_gradients(llama) -> None:
    def gradients(model) -> list[torch.Tensor]:
        model.train()
        hidden_states(model, some_tokens(30), [0, 12, 30]).square().sum().backward()
        return [w.grad for w in model.model.parameters()]

    again = copy.deepcopy(llama)
    again.gradient_checkpointing_enable({"use_reentrant": False})
    for one, two in zip(gradients(llama), gradients(again), strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("marks", [[0, 5], [1, 10], [0, 5, 5, 10], [0, 7, 5, 10]])
def test_boundaries_that_do_not_divide_the_tokens_are_refused(llama, marks: list[int]) -> None:
    with pytest.raises(ValueError, match="boundaries"):
        hidden_states(llama, some_tokens(10), marks)


def test_a_call_without_boundaries_is_refused_rather_than_wrong(llama) -> None:
    hidden_states(llama, some_tokens(4), [0, 4])
    with pytest.raises(RuntimeError, match="boundaries"):
        llama(some_tokens(4)[None])


@functools.cache
def packed_model():
    return tiny_llama(rows=ROWS, seed=3)

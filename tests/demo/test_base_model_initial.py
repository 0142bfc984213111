from __future__ import annotations

import pytest
import torch
from transformers import LlamaForCausalLM

from yue.codecs.melrvq import MelRvq
from yue.demo.base_model import small_model, used_ids
from yue.demo.pretrain import PLAN


@pytest.fixture(scope="module")
def first_code(tokenizer_path) -> int:
    return int(torch.searchsorted(used_ids(tokenizer_path), 83_968))


@pytest.fixture(scope="module")
def model(tokenizer_path, codec: MelRvq) -> LlamaForCausalLM:
    codebook = torch.from_numpy(codec.tables[0])
    return small_model(PLAN, used_ids(tokenizer_path), codebook, seed=0).eval()


def test_codes_that_sound_alike_have_embeddings_that_are_alike(
    model: LlamaForCausalLM, codec: MelRvq, first_code: int
) -> None:
    """Distances of embeddings follow distances of spectra."""
    fitted = codec.fitted[0]
    spectra = torch.from_numpy(codec.tables[0][:fitted])
    codes = model.model.embed_tokens.weight[first_code : first_code + fitted].detach()
    between = torch.stack([torch.cdist(table, table).flatten() for table in (spectra, codes)])
    assert torch.corrcoef(between)[0, 1] > 0.8


def test_the_output_layer_starts_as_the_embeddings_but_is_its_own(model: LlamaForCausalLM) -> None:
    torch.testing.assert_close(model.lm_head.weight, model.model.embed_tokens.weight)
    assert model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr()


def test_the_first_layer_looks_one_and_three_tokens_back(
    model: LlamaForCausalLM, first_code: int
) -> None:
    """Its scores, computed by hand from the weights, peak there for tokens of any kind."""
    torch.manual_seed(0)
    tokens = first_code + torch.randint(1024, (1, 24))
    layer = model.model.layers[0]
    hidden = layer.input_layernorm(model.model.embed_tokens(tokens))
    cos, sin = model.model.rotary_emb(hidden, torch.arange(24)[None])

    def heads(states: torch.Tensor, count: int) -> torch.Tensor:
        split = states.view(24, count, PLAN.head_size).transpose(0, 1)
        half = PLAN.head_size // 2
        turned = torch.cat([-split[..., half:], split[..., :half]], -1)
        return split * cos[0] + turned * sin[0]

    query = heads(layer.self_attn.q_proj(hidden)[0], PLAN.heads)
    key = heads(layer.self_attn.k_proj(hidden)[0], PLAN.heads // 2)
    for head, back in enumerate((1, 3, 1, 3)):
        scores = query[head] @ key[head // 2].T
        near = torch.stack([scores.diagonal(-distance)[-16:] for distance in range(8)])
        assert near.mean(1).argmax() == back

"""Labels of sections, read back from tokens."""

from __future__ import annotations

import numpy as np
import pytest

from yue.evaluation.loss_tables import section_kinds
from yue.tokens.layouts import cot, interleave
from yue.tokens.layouts.blocks import Draws, Section, interleaved_ids
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range

CODES = np.arange(60, dtype=np.int16)
IDS = interleaved_ids(CODES, CODES, codec_range("melrvq"))


def kinds(tokenizer: TextTokenizer, *texts: str) -> list[str]:
    sections = [Section(text, IDS) for text in texts]
    document = cot.document(tokenizer, "folk [live]", texts, sections, codec_range("melrvq"))
    lengths = np.array([len(sequence) for sequence in document.sequences], dtype=np.int32)
    return section_kinds(np.concatenate(document.sequences), lengths, tokenizer)


def test_sections_without_a_header_are_known_by_their_labels(tokenizer: TextTokenizer) -> None:
    codec = codec_range("melrvq")
    sections = [Section(text, IDS) for text in ("[verse 1]\nla\n\n", "[outro]\n\n")]
    for dropout in (0.0, 1.0):
        draws = Draws(0, "x")
        found = interleave.document(tokenizer, sections, codec, draws=draws, dropout=dropout)
        lengths = np.array(found.lengths, dtype=np.int32)
        assert section_kinds(found.tokens, lengths, tokenizer) == ["verse", "outro"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[verse]\nla di da\n\n", "verse"),
        ("[verse 2]\nla\n\n", "verse"),
        ("[Chorus 12]\n\n", "chorus"),
        ("[pre-chorus]\nthe [bridge] is long\n\n", "pre-chorus"),
        ("[guitar solo]\n\n", "guitar solo"),
        ("[8]\n\n", "unlabelled"),
        ("la di da\n\n", "unlabelled"),
        ("\n\n", "unlabelled"),
    ],
)
def test_a_label_names_its_section(tokenizer: TextTokenizer, text: str, kind: str) -> None:
    assert kinds(tokenizer, "[intro]\n\n", text) == ["header", "intro", kind]

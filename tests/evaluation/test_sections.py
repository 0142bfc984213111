"""Labels of sections, read back from tokens."""

from __future__ import annotations

import numpy as np
import pytest

from yue.evaluation.sections import section_kinds
from yue.tokens.layouts import cot
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import codec_range

CODES = np.arange(60, dtype=np.int16)


def kinds(tokenizer: TextTokenizer, *texts: str) -> list[str]:
    sections = [cot.Section(text, CODES, CODES) for text in texts]
    document = cot.document(tokenizer, "folk [live]", texts, sections, codec_range("melrvq"))
    lengths = np.array([len(sequence) for sequence in document.sequences], dtype=np.int32)
    return section_kinds(np.concatenate(document.sequences), lengths, tokenizer)


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

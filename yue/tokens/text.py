"""Text to token ids and back, over a SentencePiece model."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece

from yue.errors import SongError, YueError
from yue.files import file_digest
from yue.tokens.vocabulary import (
    PIECES,
    SOA,
    SPECIAL_ID,
    TEXT_SIZE,
    WRAPPER_ID,
    token_name,
)

# The strings that upstream's training tokenizer turns into control ids wherever they occur in text
# (YuE v1, finetune/core/tokenizer). Codec separators are not among them.
_REGISTERED_CONTROLS = (
    "EOD", "SOA", "EOA", "SOV", "EOV", "SOI", "EOI",
    "s_local", "e_local", "s_global", "e_global", "stage_1", "stage_2",
)  # fmt: skip
_REGISTERED = {
    **{f"<{name}>": number for name, number in WRAPPER_ID.items()},
    **{f"<{name}>": SPECIAL_ID[name] for name in _REGISTERED_CONTROLS},
    "<s>": 1,
    "</s>": 2,
}
_REGISTERED_PATTERN = re.compile("|".join(re.escape(text) for text in _REGISTERED))
# A model that passes these says the same of a text as of its lines.
_PROBES = ("a\nb", "\n", "a \n b", " \n\n  a  \n", "a\n\nb\n", "\u00e9\n\u4e00\n.")
_REMEMBERED = 1 << 14  # lines; a chorus comes back, in its section and in the header


class TextTokenizer:
    """Encodes text as YuE does: no BOS, no EOS, the empty text is no tokens.

    A line break is a token of its own with which no other merges, so a text is encoded line by
    line, and lines are remembered: a document says its lyrics twice, and a song its chorus more
    often. A model for which this would not be the same encodes whole texts.

    Args:
        path: A SentencePiece model: YuE's own (83,734 pieces), or one of at most 32,000 pieces.
        specials_in_text: Turn strings such as ``<EOD>`` inside a text into control ids, as
            upstream's training tokenizer does. Off, they are text like any other: lyrics must not
            be able to end a song.

    Raises:
        YueError: The file is missing, is no SentencePiece model, or has another vocabulary.
    """

    def __init__(self, path: Path, *, specials_in_text: bool = False) -> None:
        self.path = path
        self.specials_in_text = specials_in_text
        self._model = _load(path)
        self._text_size = min(TEXT_SIZE, self._model.get_piece_size())
        self._break: list[int] = self._model.encode("\n")  # a blank first line, then the break
        self._firsts: dict[str, list[int]] = {}
        self._others: dict[str, list[int]] = {}
        self._by_line = self._reads_by_line()
        self.digest = file_digest(path)

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Token ids of a text, int32, shape (N,).

        Raises:
            SongError: The text is not valid Unicode (it holds half of a surrogate pair).
        """
        ids = self._encode_specials(text) if self.specials_in_text else self._encode(text)
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: npt.NDArray[np.integer]) -> str:
        """Text of token ids; ids that are not text become names such as ``<SOA>``."""
        parts = []
        for is_text, group in groupby(ids.tolist(), key=lambda token: token < self._text_size):
            run = list(group)
            parts.append(self._model.decode(run) if is_text else "".join(map(token_name, run)))
        return "".join(parts)

    def _encode(self, text: str) -> list[int]:
        if not text:
            return []
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise SongError(
                f"text is not valid Unicode: {text[:40]!r}",
                why=f"character {error.start} is half of a surrogate pair",
                fix="save the lyrics as UTF-8",
            ) from error
        if self._by_line:
            return self._encode_lines(text)
        ids: list[int] = self._model.encode(text)
        return ids

    def _encode_lines(self, text: str) -> list[int]:
        first, *others = text.split("\n")
        known = self._firsts.get(first)
        if known is None:
            known = self._model.encode(first) if first else self._break[:-1]
            _remember(self._firsts, first, known)
        ids = list(known)
        for line in others:
            known = self._others.get(line)
            if known is None:
                # After a break a line has no space before it, which the model adds to a text.
                known = self._model.encode(f"\n{line}")[len(self._break) - 1 :]
                _remember(self._others, line, known)
            ids += known
        return ids

    def _reads_by_line(self) -> bool:
        pieces = map(self._model.id_to_piece, range(self._text_size))
        if len(self._break) < 1 or any("\n" in piece for piece in pieces):
            return False
        return all(self._encode_lines(text) == self._model.encode(text) for text in _PROBES)

    def _encode_specials(self, text: str) -> list[int]:
        ids: list[int] = []
        place = 0
        for match in _REGISTERED_PATTERN.finditer(text):
            ids += self._encode(text[place : match.start()])
            ids.append(_REGISTERED[match.group()])
            place = match.end()
        return ids + self._encode(text[place:])


def _remember(lines: dict[str, list[int]], line: str, ids: list[int]) -> None:
    if len(lines) >= _REMEMBERED:
        lines.clear()
    lines[line] = ids


def _load(path: Path) -> sentencepiece.SentencePieceProcessor:
    if not path.is_file():
        raise YueError(
            f"{path}: no such tokenizer",
            fix="set tokens.tokenizer (or --tokenizer) to a SentencePiece model; YuE's own is "
            "inference/mm_tokenizer_v0.2_hf/tokenizer.model of its repository",
        )
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise YueError(f"{path}: not a SentencePiece model") from error
    size = model.get_piece_size()
    if size > TEXT_SIZE and not (size == PIECES and model.id_to_piece(SOA) == "<SOA>"):
        raise YueError(
            f"{path}: a tokenizer of {size} pieces, which is not YuE's",
            why=f"ids from {TEXT_SIZE} up are control ids and codes in the vocabulary of YuE",
            fix=f"use YuE's tokenizer.model ({PIECES} pieces), or one of at most {TEXT_SIZE}",
        )
    return model

"""Encode text to token ids and back, over a SentencePiece model."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import sentencepiece

from yue.errors import SongError, YueError
from yue.files import file_digest
from yue.tokens.vocabulary import PIECES, SOA, SPECIAL_ID, TEXT_SIZE, WRAPPER_ID, token_name

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
_SPACES = " \u2581"  # to SentencePiece they are one
_LINE = re.compile("\n[^\n]*|[^\n]+")  # each with the break before it
_WORD = re.compile(f"\n|[{_SPACES}]*[^{_SPACES}\n]+|[{_SPACES}]+")
# A model that passes these says the same of a text as of its words.
_PROBES = ("a\nb", "\n", "a \n b", " \n\n  a  \n", "a\n\nb\n", "\u00e9\n\u4e00\n. \u2581c", "x  y ")
_CACHE_SIZE = 1 << 15  # words, lines or texts
_LONGEST_CACHED = 256  # characters of a text that is cached whole

_FIX = (
    "set tokens.tokenizer (or --tokenizer) to a SentencePiece model; YuE's own is "
    "inference/mm_tokenizer_v0.2_hf/tokenizer.model of its repository"
)

_Ids = TypeVar("_Ids")


class _Cache(dict[str, _Ids]):
    """The ids of texts, encoded when they are first asked for."""

    def __init__(self, encode: Callable[[str], _Ids]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, text: str) -> _Ids:
        if len(self) >= _CACHE_SIZE:
            self.clear()
        ids = self[text] = self._encode(text)
        return ids


class TextTokenizer:
    """Encodes text as YuE does: no BOS, no EOS, the empty text is no tokens.

    No piece of YuE's model goes over the end of a word (its spaces stand before it) or a line, so a
    text is the sum of its words. Words and lines are cached: that is several times as fast as
    encoding whole texts, of which a document says all twice. A model for which it would not be the
    same encodes whole texts.

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
        self._model = _load_model(path)
        self._text_size = min(TEXT_SIZE, self._model.get_piece_size())
        self._break: list[int] = self._model.encode("\n")  # a blank first line, then the break
        self._words = _Cache(self._encode_word)
        self._lines = _Cache(self._encode_line)
        self._texts = _Cache(self._encode_text)
        self._by_word = self._reads_by_word()
        self.digest = file_digest(path)

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Token ids of a text, int32, shape (N,), not to be written into.

        Raises:
            SongError: The text is not valid Unicode (it holds half of a surrogate pair).
        """
        return self._texts[text] if len(text) <= _LONGEST_CACHED else self._encode_text(text)

    def _encode_text(self, text: str) -> npt.NDArray[np.int32]:
        ids = self._encode_specials(text) if self.specials_in_text else self._encode(text)
        found = np.frombuffer(ids, dtype=np.int32)
        found.flags.writeable = False
        return found

    def decode(self, ids: npt.NDArray[np.integer]) -> str:
        """Decode token ids to text; ids that are not text become names such as ``<SOA>``."""
        parts = []
        for is_text, group in groupby(ids.tolist(), key=lambda token: token < self._text_size):
            run = list(group)
            parts.append(self._model.decode(run) if is_text else "".join(map(token_name, run)))
        return "".join(parts)

    def _encode(self, text: str) -> array[int]:
        if not text:
            return array("i")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise SongError(
                f"text is not valid Unicode: {text[:40]!r}",
                why=f"character {error.start} is half of a surrogate pair",
                fix="save the lyrics as UTF-8",
            ) from error
        if self._by_word:
            return self._encode_words(text)
        return array("i", self._model.encode(text))

    def _encode_words(self, text: str) -> array[int]:
        ids = array("i")
        for line in _LINE.findall(f" {text}"):  # the model puts a space before a text
            ids.extend(self._lines[line])
        return ids

    def _encode_line(self, line: str) -> array[int]:
        ids: list[int] = []
        for word in _WORD.findall(line):
            ids += self._words[word]
        return array("i", ids)

    def _encode_word(self, word: str) -> list[int]:
        if word == "\n":
            return self._break[-1:]
        if word[0] not in _SPACES:  # after a line break
            return list(self._model.encode(f"\n{word}")[len(self._break) :])
        return list(self._model.encode(word[1:])) if len(word) > 1 else self._break[:-1]

    def _reads_by_word(self) -> bool:
        for piece in self._model.id_to_piece(list(range(self._text_size))):
            if "\n" in piece or "\u2581" in piece.lstrip("\u2581"):
                return False
        return all(
            self._encode_words(text).tolist() == self._model.encode(text) for text in _PROBES
        )

    def _encode_specials(self, text: str) -> array[int]:
        ids = array("i")
        place = 0
        for match in _REGISTERED_PATTERN.finditer(text):
            ids.extend(self._encode(text[place : match.start()]))
            ids.append(_REGISTERED[match.group()])
            place = match.end()
        ids.extend(self._encode(text[place:]))
        return ids


def _load_model(path: Path) -> sentencepiece.SentencePieceProcessor:
    if not path.is_file():
        raise YueError(f"{path}: no such tokenizer", fix=_FIX)
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise YueError(f"{path}: not a SentencePiece model", fix=_FIX) from error
    size = model.get_piece_size()
    if size > TEXT_SIZE and not (size == PIECES and model.id_to_piece(SOA) == "<SOA>"):
        raise YueError(
            f"{path}: a tokenizer of {size} pieces, which is not YuE's",
            why=f"ids from {TEXT_SIZE} up are control ids and codes in the vocabulary of YuE",
            fix=f"use YuE's tokenizer.model ({PIECES} pieces), or one of at most {TEXT_SIZE}",
        )
    return model

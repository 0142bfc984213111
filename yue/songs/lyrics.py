r"""Lyrics as sections, and the one text form of a section that the model sees.

A line that is nothing but ``[label]`` starts a section. Labels keep hyphens, digits and spaces;
they are lower-cased (YuE's are) and what follows a colon is dropped (``[Chorus: Ann]`` is
``chorus``). Lyrics without labels are cut into stanzas at blank lines: a stanza that comes back is
a chorus, any other a verse. Source of the text form: YuE v1's training data
(``"[verse]\nline\nline\n\n"``, an empty section ``"[intro]\n\n"``).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_STANZA = 12
"""A stanza without a label is cut into equal parts of at most so many lines."""

_LABEL = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True)
class LyricSection:
    """A section as written.

    Attributes:
        label: Lower case, without brackets.
        lines: Lines without outer space; none is empty.
    """

    label: str
    lines: tuple[str, ...]


def line_content(label: str, lines: Iterable[str]) -> str:
    """Return the text of a section as training and generation give it to the model."""
    return f"[{label}]\n" + "".join(f"{line}\n" for line in lines) + "\n"


def clean_line(line: str) -> str:
    """Return a line in composed Unicode, without control characters and with single spaces."""
    text = unicodedata.normalize("NFC", line)
    kept = (c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs", "Co"))
    return " ".join("".join(kept).replace("\ufeff", "").split())


def clean_label(label: str) -> str:
    """Return a label in lower case, without brackets and what follows a colon; may be empty."""
    return clean_line(re.sub(r"[\[\]]", " ", label).split(":")[0]).lower()


def clean_genres(text: str) -> str:
    """Return tags as one line (a line break would end the header's line)."""
    return clean_line(text.replace("\n", " ")).strip(" ,")


def label_of(line: str) -> str | None:
    """Return the label of a line that starts a section, else None."""
    match = _LABEL.fullmatch(line.strip())
    return (clean_label(match[1]) or None) if match else None


def parse_lyrics(text: str) -> tuple[LyricSection, ...]:
    """Return the sections of plain or labelled lyrics, in order; none when there is no text.

    Text before the first label becomes stanzas of its own.
    """
    heads: list[str] = []  # lines before the first label, "" for a blank one
    sections: list[tuple[str, list[str]]] = []
    for line in map(clean_line, text.splitlines()):
        label = label_of(line)
        if label is not None:
            sections.append((label, []))
        elif not sections:
            heads.append(line)
        elif line:
            sections[-1][1].append(line)
    labelled = tuple(LyricSection(label, tuple(lines)) for label, lines in sections)
    return (*label_stanzas(_stanzas(heads)), *labelled)


def label_stanzas(stanzas: Sequence[Sequence[str]]) -> tuple[LyricSection, ...]:
    """Label stanzas: one that comes back is a chorus, any other a verse."""
    count = Counter(_words_key(stanza) for stanza in stanzas)
    return tuple(
        LyricSection("chorus" if count[_words_key(stanza)] > 1 else "verse", tuple(stanza))
        for stanza in stanzas
    )


def _words_key(stanza: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(words_of, stanza))


def words_of(line: str) -> str:
    """Return a line without what two writings of it may differ in: punctuation and case."""
    return re.sub(r"[^\w]+", " ", line).strip().casefold()


def _stanzas(lines: Sequence[str]) -> list[list[str]]:
    """Return runs of lines between blank ones, long ones cut; double-spaced text is one run."""
    runs: list[list[str]] = [[]]
    for line in lines:
        if line:
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
    runs = [run for run in runs if run]
    if all(len(run) == 1 for run in runs):
        runs = [[line for run in runs for line in run]] if runs else []
    return [part for run in runs for part in equal_parts(run)]


def equal_parts(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines into the fewest parts of at most :data:`MAX_STANZA`, equal but for one line."""
    count = -(-len(lines) // MAX_STANZA)
    bounds = [len(lines) * part // count for part in range(count + 1)] if count else []
    return [list(lines[a:b]) for a, b in itertools.pairwise(bounds)]

"""Lyrics from a file, read as those of training songs."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.errors import GenerationError
from yue.generation.prompt_songs import lyrics_source


def test_sections_keep_numbers_hyphens_and_order(tmp_path: Path) -> None:
    path = tmp_path / "my song.txt"
    path.write_text("\ufeff[intro]\n\n[Verse 2]\nla  di da\nhey [ho]\n\n[pre-chorus]\nx\n")
    source = lyrics_source(path, " folk, female \n")
    assert source.line_contents == (
        "[intro]\n\n",
        "[verse 2]\nla di da\nhey [ho]\n\n",
        "[pre-chorus]\nx\n\n",
    )
    assert (source.song_id, source.split, source.genres) == ("my song", "given", "folk, female")
    assert source.recording is None


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff\xfe\x00"])
def test_a_file_without_lyrics_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lyrics.txt"
    path.write_bytes(content)
    with pytest.raises(GenerationError, match=r"lyrics\.txt: (no lyrics|cannot be read)"):
        lyrics_source(path, "folk")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"none\.txt: cannot be read"):
        lyrics_source(tmp_path / "none.txt", "folk")

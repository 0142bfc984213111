from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yue.codecs.melrvq import MelRvq
from yue.dataset.token_files import TokenFiles
from yue.demo.corpus import DemoSong, line_contents
from yue.demo.pretrain import write_documents
from yue.tokens.roles import Role, roles_of
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range


@pytest.fixture(scope="module")
def files(
    songs: list[DemoSong],
    tokenizer_path: Path,
    codec: MelRvq,
    tmp_path_factory: pytest.TempPathFactory,
) -> TokenFiles:
    prefix = tmp_path_factory.mktemp("documents") / "train"
    write_documents(songs, tokenizer_path, codec, prefix)
    return TokenFiles.open(prefix)


def test_every_song_is_a_document_of_a_header_and_its_sections(
    files: TokenFiles, songs: list[DemoSong]
) -> None:
    assert files.documents == len(songs)
    for number, song in enumerate(songs):
        assert len(files.sequence_lengths(number)) == 1 + len(song.score.sections)


def test_the_codes_are_those_of_the_tracks_at_the_recipes_level(
    files: TokenFiles, songs: list[DemoSong], codec: MelRvq
) -> None:
    ids = codec_range("melrvq")
    for number, song in enumerate(songs):
        tokens = files.document(number)
        roles = roles_of(tokens, ids, reference_marker=files.info.reference_marker)
        tracks = song.tracks.normalised()
        for role, sound in ((Role.VOCAL, tracks.vocal), (Role.INSTRUMENTAL, tracks.instrumental)):
            expected = codec.encode(sound[np.newaxis])[0, 0]
            np.testing.assert_array_equal(tokens[roles == role] - ids.offset, expected)


def test_a_document_says_genres_and_lyrics(
    files: TokenFiles, songs: list[DemoSong], tokenizer_path: Path
) -> None:
    text = TextTokenizer(tokenizer_path).decode(files.document(0))
    assert songs[0].score.genres in text
    for content in line_contents(songs[0].score):
        assert text.count(content.strip()) >= 2  # in the header, and before its codes

"""Byte for byte what upstream writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.tokens.megatron_files import count
from yue.tokens.options import Options
from yue.tokens.pair_info import TokenFileInfo
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

XCODEC = codec_range("xcodec")
UPSTREAM = Options(compat="upstream")


def write(golden: Path, songs: str, root: Path, prefix: Path, options: Options) -> TokenFileInfo:
    tokenizer = golden / "tokenizer.model"
    return write_token_files(
        golden / songs, root, tokenizer, XCODEC, output_prefix=prefix, options=options
    )


def test_upstreams_example_is_written_byte_for_byte(golden: Path, tmp_path: Path) -> None:
    # Its rows name their codes below a folder 'example'.
    (tmp_path / "example").symlink_to(golden / "dummy")
    out = tmp_path / "out"
    write(golden, "dummy/dummy.msa.xcodec_16k.jsonl", tmp_path, out, UPSTREAM)
    for suffix in (".bin", ".idx"):
        expected = golden / "expected" / "dummy_cot" / f"text_document{suffix}"
        assert out.with_suffix(suffix).read_bytes() == expected.read_bytes()
    assert count(out).tokens == 34_652


def test_fourteen_edge_cases_are_written_byte_for_byte(golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    info = write(golden, "ext/ext.jsonl", golden, out, UPSTREAM)
    for suffix in (".bin", ".idx"):
        expected = golden / "expected" / "ext_cot" / f"x_text_document{suffix}"
        assert out.with_suffix(suffix).read_bytes() == expected.read_bytes()
    assert {r.song_id for r in info.rejected} >= {"C_mismatch>10", "D_bad_fps", "K_missing_file"}


def test_strict_keeps_what_upstream_loses_and_drops_empty_documents(
    golden: Path, tmp_path: Path
) -> None:
    loose = write(golden, "ext/ext.jsonl", golden, tmp_path / "loose", UPSTREAM)
    strict = write(golden, "ext/ext.jsonl", golden, tmp_path / "strict", Options())
    assert set(loose.song_ids) - set(strict.song_ids) == {"M_all_segments_bad"}
    assert strict.tokens > loose.tokens, "the codes of the song with 8 codebooks are kept"


@pytest.mark.parametrize("name", ["dummy_cot/text_document", "ext_cot/x_text_document"])
def test_upstreams_files_can_be_counted(golden: Path, name: str) -> None:
    counts = count(golden / "expected" / name)
    assert counts.tokens * 4 == (golden / "expected" / f"{name}.bin").stat().st_size
    assert counts.documents < counts.sequences

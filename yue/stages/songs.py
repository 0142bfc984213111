"""Stage ``songs``: codes, lyrics, sections and genres become rows; songs are split."""

from __future__ import annotations

from typing import Any

from yue.files import write_json, write_jsonl
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.rejections import check_share
from yue.songs.build_rows import build_rows
from yue.songs.data_report import ReportInputs, all_warnings, data_report, warning_lines
from yue.songs.duplicates import find_duplicates
from yue.songs.ready_rows import read_ready_rows
from yue.songs.song_folder import describe_songs
from yue.songs.split import SplitShares, SplitSong, split_songs
from yue.songs.stage_results import read_first_codebooks, read_inputs
from yue.wording import StageSummary, counted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/songs.jsonl``, ``work/split.json`` and ``work/data_report.json``.

    Raises:
        YueError: An input is missing or damaged, or more songs than the recipe allows cannot be
            used.
    """
    songs_dir = paths.root / recipe.data.songs_dir
    inputs = read_inputs(songs_dir, paths)
    described = describe_songs(songs_dir, inputs.folder, inputs.tracks)
    built = build_rows(inputs.songs, described, inputs.rate, recipe.songs.untimed)
    taken = frozenset(built.sources)
    given = read_ready_rows(songs_dir, paths.work, inputs.codec, inputs.rate, taken)
    built = built.merge(given)
    rejections = built.rejections(inputs.rejections)
    check_share(rejections, recipe.data.max_rejected_share, paths.too_many_rejected)
    entries = [SplitSong(row.id, built.sources[row.id], row.artist) for row in built.rows]
    duplicates = find_duplicates(read_first_codebooks(built.rows, paths.work))
    settings = recipe.songs
    shares = SplitShares(settings.valid_share, settings.test_share, settings.split_seed)
    split = split_songs(entries, [group.songs for group in duplicates], shares)
    found = ReportInputs(built, split, duplicates, rejections, described.warnings)
    report = data_report(found)
    write_jsonl(paths.songs, (row.record() for row in built.rows))
    write_json(paths.split, split.record())
    write_json(paths.data_report, report)
    rejected = rejections.at("songs").describe("work/data_report.json")
    return _summary(report, rejected, warning_lines(all_warnings(found)))


def _summary(report: dict[str, Any], rejected: str, warnings: list[str]) -> StageSummary:
    splits = ", ".join(f"{name} {part['songs']}" for name, part in report["splits"].items())
    timing = ", ".join(f"{how} {count}" for how, count in report["alignment"].items())
    shown = [f"warning: {warning}" for warning in warnings]
    return StageSummary(
        made=f"{counted(report['songs'], 'song')}, {report['seconds'] / 60:.1f} minutes "
        f"({splits}); section times: {timing}",
        rejected=rejected,
        next="\n    ".join(["work/data_report.json says what is in the data", *shown]),
    )

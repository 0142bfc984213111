"""Stage ``evaluate``: held-out loss per track, tuned against base."""

from __future__ import annotations

from pathlib import Path

from yue.checkpoints.adapter_record import refuse_other_adapter
from yue.dataset.token_files import TokenFiles
from yue.device import pick_device
from yue.errors import TokenFileError
from yue.evaluation.eval_metrics import Evaluation, write_evaluation
from yue.evaluation.evaluate import evaluate, summarise
from yue.evaluation.loss_tables import write_roles, write_tables
from yue.files import atomic_folder
from yue.lm.base_facts import base_digest
from yue.lm.load import load_tuned
from yue.paths import Paths
from yue.progress import progress_bar
from yue.recipe.model import Recipe
from yue.tokens.megatron_files import idx_path
from yue.tokens.text_tokenizer import TextTokenizer
from yue.wording import StageSummary, counted

# Where there are too few songs for the wanted split, the next one that has songs is scored.
_SPLITS = ("valid", "test", "train")


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``metrics/eval.json`` and the tables in ``metrics/plots/eval/``.

    Raises:
        YueError: There are no songs, or the adapter is not the active recipe's.
    """
    split = _pick_split(paths.tokens, recipe.evaluate.split)
    files = TokenFiles.open(paths.tokens / split)
    refuse_other_adapter(
        paths.adapter,
        recipe,
        base_digest=base_digest(paths.root / recipe.model.path, paths.side_store),
        codec_digest=files.info.codec.digest,
    )
    songs = min(files.documents, recipe.evaluate.max_songs or files.documents)
    model = load_tuned(
        paths.root / recipe.model.path,
        paths.adapter,
        dtype=recipe.model.dtype,
        device=pick_device(recipe.runtime.device),
        needed_rows=files.info.vocabulary_rows,
    )
    with progress_bar("evaluate", songs, "songs") as bar:
        tallies = evaluate(
            files,
            model,
            TextTokenizer(paths.root / recipe.tokens.tokenizer),
            context=recipe.train.context_length,
            songs=songs,
            advance=bar.update,
        )
    result = summarise(tallies.songs, split, songs)
    write_evaluation(paths.metrics / "eval.json", result)
    with atomic_folder(paths.metrics / "plots" / "eval") as folder:
        write_tables(folder, "position", tallies.positions)
        write_tables(folder, "section", tallies.sections)
        write_tables(folder, "song", tallies.songs, lambda number: files.info.song_ids[number])
        write_roles(folder / "roles.csv", tallies.songs)
    return StageSummary(
        made=_describe_losses(result),
        rejected=_describe_split(result, recipe.evaluate.split),
        next=_next_step(result),
    )


def _pick_split(tokens: Path, wanted: str) -> str:
    """Return the wanted split if it has songs, else the first that has."""
    for split in (wanted, *_SPLITS):
        if idx_path(tokens / split).is_file():
            return split
    raise TokenFileError(
        f"{tokens}: no token files to evaluate on", fix="write them with `dvc repro mmap`"
    )


def _describe_losses(result: Evaluation) -> str:
    tracks = [track for track in ("vocal", "instrumental") if track in result.change]
    changes = ", ".join(
        f"{role} {result.base[role].loss:.3f} -> {result.tuned[role].loss:.3f}"
        for role in tracks or result.change  # a track that is written alone has codebooks
    )
    where = counted(result.songs, "held-out song" if result.held_out else "TRAINING song")
    return f"loss base -> tuned on {where} ({result.split}): {changes}"


def _describe_split(result: Evaluation, wanted: str) -> str:
    if result.split == wanted:
        return "nothing"
    return f"nothing; but split {wanted} has no songs, so {result.split} was scored" + (
        "" if result.held_out else ": these losses do not say how other songs would score"
    )


def _next_step(result: Evaluation) -> str:
    if not result.held_out:
        return "add songs, or raise songs.valid_share, to hold some out"
    return "yue metrics (a table), dvc plots show (curves); then listen: dvc repro generate"

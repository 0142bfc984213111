"""``yue inspect``: what the model sees in a token document, on a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.errors import TokenFileError, TrainingError, UsageError, YueError
from yue.recipe.model import Recipe
from yue.recipe.read import read_recipe
from yue.tokens.roles import LEARNABLE, Role
from yue.tokens.vocabulary import CODECS, codec_range
from yue.wording import counted, printable

if TYPE_CHECKING:
    from yue.dataset.token_files import TokenFiles
    from yue.tokens.text_tokenizer import TextTokenizer

EXAMPLE = "yue inspect work/tokens/train --document 2"


def _add_arguments(parser: argparse.ArgumentParser) -> None:

    parser.add_argument("prefix", type=Path, metavar="PREFIX", help="path without .bin and .idx")
    parser.add_argument("--document", type=int, default=0, metavar="N", help="from 0 (default: 0)")
    parser.add_argument(
        "--json", action="store_true", help="answer as JSON, ids, roles and loss mask included"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="read all documents instead: hold the files to their checksums and list what is odd",
    )
    parser.add_argument(
        "--loss-on",
        nargs="+",
        choices=[role.title for role in LEARNABLE],
        metavar="ROLE",
        help="roles that the loss counts (default: the active recipe's train.loss_on)",
    )
    parser.add_argument(
        "--context",
        type=int,
        metavar="TOKENS",
        help="show the pieces that training makes of a document that is longer than this (default: "
        "the active recipe's train.context_length)",
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="MODEL",
        help="SentencePiece model that turns ids back to text (default: the active recipe's)",
    )
    parser.add_argument(
        "--codec-type",
        choices=CODECS,
        help="the codec of files that another program wrote (they have no .json)",
    )


def run(args: argparse.Namespace) -> None:
    """Show one document, or check all."""
    from yue.dataset.describe_document import describe
    from yue.dataset.show_document import Painter, show_document, show_files, show_pieces
    from yue.dataset.song_pieces import pieces_of
    from yue.dataset.token_files import TokenFiles
    from yue.tokens.megatron_files import as_prefix

    codec = codec_range(args.codec_type) if args.codec_type else None
    files = TokenFiles.open(as_prefix(args.prefix), codec=codec)
    if args.check:
        _check_files(files)
        return
    if not 0 <= args.document < files.documents:
        raise UsageError(
            f"--document {args.document}: {files.prefix} has "
            f"{counted(files.documents, 'document')}",
            fix=f"give a number from 0 to {files.documents - 1}",
        )
    recipe = _active_recipe()
    loss_on = _loss_on(args.loss_on, recipe)
    tokenizer = _find_tokenizer(args.tokenizer, files, recipe)
    view = describe(files, args.document, tokenizer, loss_on=loss_on)
    context = args.context
    if context is None:
        context = recipe.train.context_length if recipe else 0
    if args.json:
        names = [role.title for role in loss_on]
        answer = {"prefix": str(files.prefix), "loss_on": names, **asdict(view)}
        print(json.dumps(answer, ensure_ascii=False))
        return
    painter = Painter.of(sys.stdout)
    print(show_files(files, painter, loss_on))
    ids = files.info.shape(files.raw_document(args.document)).codec
    print(show_document(view, ids, painter))
    if context and not view.faults:
        try:
            print(show_pieces(pieces_of(files, args.document, context), context, painter))
        except TrainingError as error:
            print(painter(error.what, "red"))


def _check_files(files: TokenFiles) -> None:
    """Read everything; list what is odd.

    Raises:
        YueError: A checksum differs, or something is odd.
    """
    from yue.tokens.document_faults import document_faults

    files.verify()
    odd = 0
    for number in range(files.documents):
        tokens = files.raw_document(number)
        faults = document_faults(tokens, files.info.shape(tokens))
        odd += bool(faults)
        for fault in faults:
            song = printable(files.info.song_ids[number])
            print(f"document {number} ({song}), token {fault.token}: {fault.message}")
    if odd:
        raise TokenFileError(
            f"{files.prefix}: {odd} of {files.documents} documents are odd (listed above)",
            fix="look at one with `yue inspect PREFIX --document N`",
        )
    print(
        f"{files.prefix}: {counted(files.documents, 'document')}, {files.tokens:,} tokens, "
        "nothing odd"
    )


def _active_recipe() -> Recipe | None:
    """Return the active recipe of the project in the current folder, if there is a sound one."""
    try:
        return read_recipe(Path("params.yaml"))
    except YueError:
        return None


def _loss_on(names: list[str] | None, recipe: Recipe | None) -> list[Role]:

    chosen = names if names is not None else recipe.train.loss_on if recipe else ()
    return [Role[name.upper()] for name in chosen]


def _find_tokenizer(
    path: Path | None, files: TokenFiles, recipe: Recipe | None
) -> TextTokenizer | None:
    """Return the tokenizer asked for, else the active recipe's if it is the one of the files."""
    from yue.tokens.text_tokenizer import TextTokenizer

    digest = files.info.tokenizer_digest
    if path is not None:
        tokenizer = TextTokenizer(path)
        if digest and tokenizer.digest != digest:
            raise UsageError(
                f"{path} is not the tokenizer of {files.prefix}",
                why=f"its SHA-256 is {tokenizer.digest[:12]}..., the files' is {digest[:12]}...",
                fix="give the model with which the files were written",
            )
        return tokenizer
    if recipe is None:
        return None
    try:
        tokenizer = TextTokenizer(Path(recipe.tokens.tokenizer))
    except YueError:  # the recipe's is not there: ids are shown instead of text
        return None
    return tokenizer if tokenizer.digest == digest else None


VERBS = {"inspect": Verb(EXAMPLE, _add_arguments, run)}

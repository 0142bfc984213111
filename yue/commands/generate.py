"""``yue generate``: the stage of the project, or songs from lyrics of one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from yue.commands import Verb
from yue.commands.stage import given_flags, need_flags, print_summary, run_stage
from yue.device import pick_device
from yue.errors import UsageError
from yue.files import atomic_folder, check_replaceable
from yue.paths import Paths, side_store_beside
from yue.recipe.flags import add_flags, given_values, recipe_from_flags, value_words
from yue.recipe.model import Generate, Recipe
from yue.recipe.read import checked, read_recipe
from yue.recipe.schema import keys_of
from yue.recipe.yaml_positions import read_document
from yue.tokens.options import Options
from yue.wording import StageSummary

EXAMPLE = 'yue generate --genres "folk female" --lyrics lyrics.txt --output-dir out'
_ALONE = (
    f"{EXAMPLE} --model base --adapter adapter --codec-type xcodec --codec-path xcodec "
    "--tokenizer tokenizer.model"
)
_SONG = ("genres", "lyrics", "output_dir")
_OF_PROJECT = "(default: the active recipe's, in a project)"
_MODELS = ("model", "codec_type", "codec_path", "tokenizer")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from yue.codecs.registry import codec_names

    parser.add_argument("--genres", help="free text, as in the songs of the training set")
    parser.add_argument(
        "--lyrics", type=Path, metavar="FILE", help="sections under labels such as [verse]"
    )
    parser.add_argument(
        "--any-tag",
        action="store_true",
        default=None,
        help="take labels that YuE does not know, where your songs had them",
    )
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="the folder to make")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help=f"the base model's folder {_OF_PROJECT}"
    )
    parser.add_argument(
        "--adapter",
        type=Path,
        metavar="DIR",
        help="a PEFT folder, or none for the base model alone (default: none; work/adapter where "
        "the project gives the model)",
    )
    parser.add_argument(
        "--codec-type",
        choices=codec_names(),
        help=f"the codec of the model's codes {_OF_PROJECT}",
    )
    parser.add_argument(
        "--codec-path", type=Path, metavar="PATH", help=f"the codec's weights {_OF_PROJECT}"
    )
    parser.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help=f"a SentencePiece model {_OF_PROJECT}"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), help="where to run (default: auto)"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        help="of the weights (default: float32 on a CPU, bfloat16 on a GPU)",
    )
    own = {
        key.dotted: f"the active recipe's in a project, else {value_words(key.default)}"
        for key in keys_of("generate")
    }
    own["generate.prompts"] = "1, the song of --lyrics"
    own["generate.max_sections"] = "none: a song is sung to its end"
    add_flags(parser, "generate", own=own)


def run(args: argparse.Namespace) -> None:
    """Generate: with flags for one's own lyrics, else for the held-out songs of the project."""
    if not given_flags(args):
        run_stage("generate")
        return
    recipe = _fill_from_project(args)
    need_flags(args, (*_MODELS, *_SONG), EXAMPLE if recipe else _ALONE)
    if args.prompts is not None:
        raise UsageError(
            "--prompts counts the songs of a project",
            why="--lyrics is one song",
            fix="leave it out",
        )
    if args.adapter == Path("none"):
        args.adapter = None
    if recipe is not None:
        print(
            f"generate: {args.model} with {args.adapter or 'no adapter'}, {args.codec_type} in "
            f"{args.codec_path}, {args.tokenizer}; what was not given is params.yaml's",
            flush=True,
        )
    _generate(args, recipe)


def _fill_from_project(args: argparse.Namespace) -> Recipe | None:
    """Give flags of models that are missing what the project in the current folder has for them.

    Returns:
        Its recipe; None where nothing is missing or this is no project.
    """
    here = Paths(Path())
    if all(getattr(args, name) is not None for name in _MODELS) or not here.params.is_file():
        return None
    recipe = read_recipe(here.params)
    if args.model is None:
        args.model = Path(recipe.model.path)
        if args.adapter is None and here.adapter.is_dir():
            args.adapter = here.adapter
    if args.codec_type in (None, recipe.codec.name):  # another codec's weights are elsewhere
        args.codec_type = recipe.codec.name
        args.codec_path = args.codec_path or Path(recipe.codec.path)
    args.tokenizer = args.tokenizer or Path(recipe.tokens.tokenizer)
    args.device = args.device or recipe.runtime.device
    return recipe


def how_to_sample(args: argparse.Namespace, *, of_project: bool) -> Generate:
    """Return how to sample: as flags say, then the active recipe, then the schema."""
    if not of_project:
        return recipe_from_flags(args, "generate").generate
    values = checked(read_document(Path("params.yaml"))).values["generate"]
    # The project's limit is for its samples; a song of one's own is sung to its end.
    values = {**values, "max_sections": None, **given_values(args, "generate")["generate"]}
    return recipe_from_flags(args, "generate", generate=values).generate


def _generate(args: argparse.Namespace, recipe: Recipe | None) -> None:
    from yue.generation.fit_checks import check_codec, check_reference
    from yue.generation.generation_setup import GenerationSetup, audio_prompt_of, options_of
    from yue.generation.make_samples import make_samples
    from yue.generation.prompt_songs import lyrics_source
    from yue.generation.sample_records import SAMPLES_FILE

    how = how_to_sample(args, of_project=recipe is not None)
    check_replaceable(args.output_dir, SAMPLES_FILE)
    source = lyrics_source(args.lyrics, args.genres, any_tag=bool(args.any_tag))
    audio_prompt = audio_prompt_of(how, Path())
    notes = []
    if args.adapter is not None and args.adapter.is_dir():
        notes.append(check_codec(args.adapter, args.codec_type, args.codec_path))
    if audio_prompt is not None:
        notes.append(check_reference(args.model, args.adapter))
    for note in filter(None, notes):
        print(f"note: {note}", file=sys.stderr)
    device = pick_device(args.device or "auto")
    setup = GenerationSetup(
        base=args.model,
        adapter=args.adapter,
        dtype=args.dtype or ("bfloat16" if device == "cuda" else "float32"),
        device=device,
        codec_name=args.codec_type,
        codec_path=args.codec_path,
        tokenizer=args.tokenizer,
        how=how,
        options=Options() if recipe is None else options_of(recipe, Path()),
        audio_prompt=audio_prompt,
        stage2=None if how.stage2 is None else Path(how.stage2),
        memory=side_store_beside(args.output_dir),
    )
    with atomic_folder(args.output_dir) as folder:
        samples = make_samples([source], setup, folder)
    print_summary(
        "generate",
        StageSummary(
            made=", ".join(f"{one.files['mix']} ({one.seconds:.1f} s)" for one in samples)
            + f", and its tracks, in {args.output_dir}",
            rejected="nothing",
            next=f"listen to {args.output_dir / samples[-1].files['mix']}",
        ),
    )


VERBS = {"generate": Verb(EXAMPLE, _add_arguments, run)}

"""A recipe as typed values: one frozen dataclass for each section of params.yaml.

Written by ``make keys`` from ``recipe.schema.json``: add a key there, not here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Data:
    """Which songs."""

    songs_dir: str  # folder of songs, relative to the project or absolute
    max_rejected_share: float  # stop when more than this share of the songs cannot be used


@dataclass(frozen=True)
class Convert:
    """Audio files to arrays at one sample rate."""

    sample_rate: int  # Hz; the codec's
    mono: bool  # mean of the channels; every codec takes mono
    normalize: str  # peak | loudness | none; one gain for all tracks of a song
    max_amplitude: float  # peak: highest sample, 1 is full scale
    loudness: float  # loudness: LUFS
    trim_silence: bool  # cut silent ends, the same in all tracks of a song
    segment_length: float | None  # seconds; empty keeps songs whole
    segment_cut: str  # fixed | quiet: the quietest moment near that
    min_segment_length: float  # seconds; shorter is rejected
    resampler: str  # sinc_hann (YuE's) | soxr
    dtype: str  # float32 | int16: half the disk


@dataclass(frozen=True)
class Separate:
    """Songs without stems, and where there is singing."""

    missing: str  # instrumental | reject | separate: a song without stems
    weights: str  # separate: its weights
    vocal_threshold_db: float  # dB against the mixture; louder is singing


@dataclass(frozen=True)
class Codec:
    """Audio to integer codes."""

    name: str  # melrvq | xcodec | semanticodec | dac16k | dac44k
    path: str  # folder of its weights
    codebooks: int  # codebooks to store; stage 1 models the first


@dataclass(frozen=True)
class Songs:
    """Training rows with lyrics and sections, and the split."""

    untimed: str  # proportional | whole | skip: sections without times
    valid_share: float  # share of the songs held out for validation
    test_share: float  # share of the songs held out for the final test
    split_seed: int  # seed of the split


@dataclass(frozen=True)
class Tokens:
    """Training rows to token documents."""

    layout: str  # cot | icl | interleave | mix | stage2
    tokenizer: str  # SentencePiece model
    compat: str  # strict | upstream: repeat the faults of YuE's scripts
    codebooks: int | None  # of each track in the documents; empty is the codec's own
    audio_prompt: str  # icl: dual | inst | vocal | mixture
    prompt_seconds: float | None  # icl: empty is around 30 s, as YuE was trained
    track: str  # mix, stage2: mixture | vocal | instrumental
    order: str  # mix: textfirst | audiofirst
    teacher_forcing: bool  # stage2: repeat codebook 0 in each frame
    instruction_dropout: float  # interleave, mix: share of sections without the instruction
    seed: int  # seed of reference audio and instruction dropout
    specials_in_text: bool  # true lets lyrics such as <EOD> be control ids


@dataclass(frozen=True)
class Mix:
    """Which datasets to train on, and how much of each."""

    datasets: tuple[str, ...]  # NAME=NUMBER; songs is this project, others lie in folder
    by: str  # rounds (an epoch reads each so often) | weights | temperature
    temperature: float  # temperature: 1 goes by size, more lets small ones count more
    folder: str  # folder of the other datasets' token files


@dataclass(frozen=True)
class Model:
    """The base model."""

    path: str  # folder of the base model
    dtype: str  # float32 | bfloat16


@dataclass(frozen=True)
class Lora:
    """The adapter."""

    r: int  # rank
    alpha: int  # scale: alpha / sqrt(r), or alpha / r without rslora
    dropout: float  # share of the adapter's inputs dropped in training
    rslora: bool  # rank-stabilised scaling
    target_modules: str | tuple[str, ...]  # all-linear, or a list of names
    dora: bool  # learn lengths apart from directions
    init: str  # zero | pissa: principal components
    lr_ratio: float  # LoRA+: rate of B over train.lr; 1 is off
    modules_to_save: tuple[str, ...]  # whole: embed_tokens, lm_head
    qlora: bool  # base model in 4 bits while training


@dataclass(frozen=True)
class Train:
    """Optimisation."""

    context_length: int  # tokens of a packed row; 100 are a second of two tracks
    packing: str  # songs (whole or cut between sections) | chop (YuE's own)
    batch_size: int  # rows in an optimizer step, over all processes
    micro_batch_size: int  # rows in a forward pass; divides batch_size
    epochs: float  # passes over the data, when max_steps is empty
    max_steps: int | None  # optimizer steps; empty lets epochs decide
    lr: float  # peak learning rate of AdamW
    lr_scheduler: str  # cosine | linear | constant
    warmup_ratio: float  # share of the steps
    weight_decay: float  # decoupled (AdamW)
    max_grad_norm: float  # clip gradients to this norm
    loss_on: tuple[str, ...]  # roles to learn: text, special, vocal, instrumental, codebook_N
    gradient_checkpointing: str  # none | selective | full | auto: computed again to save memory
    compile: str  # auto | always | never; auto is on a GPU
    loss_kernel: str  # chunked | liger (with the extra liger)
    eval_steps: int  # optimizer steps between validations
    patience: int | None  # validations without progress before an early stop
    keep: str  # best | last: by held-out loss
    save_steps: int  # optimizer steps between checkpoints
    logging_steps: int  # optimizer steps between log lines
    seed: int  # seed of initialisation, dropout and data order


@dataclass(frozen=True)
class Evaluate:
    """Held-out loss, tuned against base."""

    split: str  # valid | test
    max_songs: int | None  # empty takes all


@dataclass(frozen=True)
class Generate:
    """Songs to generate after training."""

    prompts: int  # held-out songs that lend genres and lyrics
    seconds: float  # longest section, in seconds
    max_sections: int | None  # sections of a song; empty takes all
    temperature: float  # 0 always takes the likeliest token
    top_p: float  # 1 is off
    top_k: int  # 0 is off
    repetition_penalty: float  # 1 is off
    # weight of the prompt, or two: first section, others; 1 is off
    guidance_scale: float | tuple[float, float]
    audio_prompt: str | None  # reference audio, one track (ICL); empty is none
    vocal_prompt: str | None  # or two tracks: this
    instrumental_prompt: str | None  # and this
    prompt_start: float  # seconds in these files
    prompt_end: float  # seconds in these files
    stage2: str | None  # folder of a stage-2 model; empty is none
    upsample: bool  # 44.1 kHz by YuE's vocoders (xcodec alone)
    compare_base: bool  # the same songs by the base model too
    seed: int  # seed of sampling


@dataclass(frozen=True)
class Runtime:
    """How to run the data stages. Never reruns anything."""

    workers: int  # processes of the data stages; 0 is one for each core
    device: str  # auto | cpu | cuda


@dataclass(frozen=True)
class Launch:
    """How to launch training. Never reruns anything."""

    processes: int  # 0 is one for each GPU, or one on the CPU
    zero_stage: int  # DeepSpeed ZeRO: 0 to 3
    offload: str  # none | optimizer | all: to main memory
    launcher: str  # deepspeed | no_ssh | torchrun | slurm
    hosts: tuple[str, ...]  # names of hosts; empty is this machine
    hostfile: str | None  # DeepSpeed host file in place of hosts
    address: str | None  # first host[:port], where all meet


@dataclass(frozen=True)
class Logging:
    """Where to log. Never reruns anything."""

    wandb: bool  # log to Weights & Biases too
    wandb_project: str  # its project there
    tensorboard: bool  # event files in work/watch/tensorboard
    sample_steps: int | None  # optimizer steps between samples; empty is never


@dataclass(frozen=True)
class Recipe:
    """A complete, valid recipe."""

    name: str
    description: str
    data: Data
    convert: Convert
    separate: Separate
    codec: Codec
    songs: Songs
    tokens: Tokens
    mix: Mix
    model: Model
    lora: Lora
    train: Train
    evaluate: Evaluate
    generate: Generate
    runtime: Runtime
    launch: Launch
    logging: Logging

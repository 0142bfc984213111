"""A recipe as typed values: one frozen dataclass for each section of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Data:
    """Which songs."""

    songs_dir: str
    max_rejected_share: float


@dataclass(frozen=True)
class Convert:
    """Audio files to arrays at one sample rate."""

    sample_rate: int
    mono: bool  # every codec takes mono
    normalize: str  # peak | loudness | none
    max_amplitude: float
    loudness: float  # LUFS, read when normalize is loudness
    trim_silence: bool
    segment_length: float | None  # seconds
    segment_cut: str  # fixed | quiet
    min_segment_length: float  # seconds
    resampler: str  # sinc_hann | soxr
    dtype: str  # float32 | int16


@dataclass(frozen=True)
class Separate:
    """Songs without stems, and vocal activity."""

    missing: str  # reject | instrumental | separate: what a song without stems becomes
    weights: str  # of the separator, read when missing is separate
    vocal_threshold_db: float  # a vocal stem is active above this level relative to the mixture


@dataclass(frozen=True)
class Codec:
    """Audio to integer codes."""

    name: str
    path: str
    codebooks: int


@dataclass(frozen=True)
class Songs:
    """Training rows and the split."""

    untimed: str  # proportional | whole | skip: sections whose times are not given
    valid_share: float
    test_share: float
    split_seed: int


@dataclass(frozen=True)
class Tokens:
    """Rows to token documents."""

    layout: str  # a name of yue.tokens.layouts.table
    tokenizer: str
    compat: str  # strict | upstream
    codebooks: int | None  # of each track in the documents; None: the codec's own number
    audio_prompt: str  # dual | inst | vocal | mixture
    prompt_seconds: float | None  # None: as YuE was trained
    track: str  # mixture | vocal | instrumental: of mix and stage2
    order: str  # textfirst | audiofirst
    teacher_forcing: bool
    instruction_dropout: float
    seed: int
    specials_in_text: bool


@dataclass(frozen=True)
class Mix:
    """Which datasets to train on, and how much of each."""

    datasets: tuple[str, ...]  # NAME=NUMBER
    by: str  # rounds | weights | temperature
    temperature: float  # read when by is temperature
    folder: str


@dataclass(frozen=True)
class Model:
    """The base model."""

    path: str
    dtype: str  # float32 | bfloat16


@dataclass(frozen=True)
class Lora:
    """The adapter."""

    r: int
    alpha: int
    dropout: float
    rslora: bool
    target_modules: str | tuple[str, ...]  # all-linear, or names
    dora: bool
    init: str  # zero | pissa
    lr_ratio: float  # learning rate of B over that of A
    modules_to_save: tuple[str, ...]  # embed_tokens, lm_head
    qlora: bool


@dataclass(frozen=True)
class Train:
    """Optimisation."""

    context_length: int  # tokens
    packing: str  # songs | chop
    batch_size: int  # packed rows of context_length tokens an optimizer step, over all processes
    micro_batch_size: int  # packed rows a forward pass
    epochs: float
    max_steps: int | None  # optimizer steps; overrides epochs
    lr: float
    lr_scheduler: str  # cosine | linear | constant
    warmup_ratio: float
    weight_decay: float
    max_grad_norm: float
    loss_on: tuple[str, ...]  # token roles: text, special, vocal, instrumental, codebook_0 ...
    gradient_checkpointing: str  # none | selective | full | auto
    compile: str  # auto | always | never
    loss_kernel: str  # chunked | liger
    eval_steps: int
    patience: int | None  # validations
    keep: str  # best | last
    save_steps: int
    logging_steps: int
    seed: int


@dataclass(frozen=True)
class Evaluate:
    """Held-out evaluation."""

    split: str  # valid | test
    max_songs: int | None


@dataclass(frozen=True)
class Generate:
    """Songs to generate after training."""

    prompts: int  # how many held-out songs give their genres and lyrics
    seconds: float  # longest section, in seconds
    max_sections: int | None
    temperature: float
    top_p: float
    top_k: int  # 0: off
    repetition_penalty: float
    guidance_scale: float | tuple[float, float]  # of all sections; or of the first, the others
    audio_prompt: str | None  # path of one track; or of two:
    vocal_prompt: str | None
    instrumental_prompt: str | None
    prompt_start: float  # seconds
    prompt_end: float
    stage2: str | None  # path of a stage-2 model
    upsample: bool  # to 44.1 kHz, by YuE's vocoders
    compare_base: bool
    seed: int


@dataclass(frozen=True)
class Runtime:
    """How to run the data stages. Never part of a cache key."""

    workers: int  # 0: one for each core
    device: str  # auto | cpu | cuda


@dataclass(frozen=True)
class Launch:
    """How to launch training. Never part of a cache key."""

    processes: int  # 0: one for each GPU, or one on the CPU
    zero_stage: int
    offload: str  # none | optimizer | all
    launcher: str  # deepspeed | no_ssh | torchrun | slurm
    hosts: tuple[str, ...]  # the first leads
    hostfile: str | None
    address: str | None  # host[:port]


@dataclass(frozen=True)
class Logging:
    """Where to log. Never part of a cache key."""

    wandb: bool
    wandb_project: str
    tensorboard: bool
    sample_steps: int | None  # optimizer steps


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

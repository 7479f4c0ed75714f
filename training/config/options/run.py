"""Options of where a run takes place, and of what it leaves behind."""

from training.config import train
from training.config.options.option import Option

_DEFAULTS = train.TrainConfig

DEVICES = (
    Option(
        "strategy",
        "enum",
        "One device; all GPUs of this machine (its CPU if it has none); "
        "several processes or machines; a TPU.",
        default=_DEFAULTS.strategy,
        choices=train.STRATEGIES,
    ),
    Option(
        "devices",
        "names",
        "Devices to mirror over, such as gpu:0,gpu:1; all GPUs if left out.",
    ),
    Option(
        "num_virtual_devices",
        "integer",
        "Mirror over so many logical CPU devices, to try it without GPUs.",
        default=_DEFAULTS.num_virtual_devices,
    ),
    Option(
        "workers",
        "names",
        "host:port of each worker, the chief first, the same on all; if left "
        "out, TF_CONFIG or Slurm tells.",
    ),
    Option("worker_index", "integer", "Which of the workers this process is."),
    Option(
        "start_timeout",
        "number",
        "Seconds to wait for workers that have not started.",
        default=_DEFAULTS.start_timeout,
    ),
    Option("tpu", "string", "Name of the TPU, or local on a TPU machine."),
    Option(
        "deterministic",
        "boolean",
        "Bit-identical results on GPUs too, at some cost in speed.",
        default=_DEFAULTS.deterministic,
    ),
    Option(
        "jit_compile",
        "boolean",
        "Compile the step with XLA; where it can be and helps, if left out.",
    ),
    Option(
        "steps_per_execution",
        "integer",
        "Steps between two looks at signals, checkpoints and callbacks.",
        default=_DEFAULTS.steps_per_execution,
    ),
    Option(
        "augment_on",
        "enum",
        "Where images are transformed: device for hosts that cannot keep up.",
        default=_DEFAULTS.augment_on,
        choices=train.PLACES,
    ),
    Option(
        "cache_on",
        "enum",
        "Where images are kept: device if they fit there, with "
        "--augment_on=device.",
        default=_DEFAULTS.cache_on,
        choices=train.PLACES,
    ),
    Option(
        "memory_budget_gb",
        "number",
        "GiB of memory for the images of a split; larger ones are read as "
        "needed.",
        default=_DEFAULTS.memory_budget_gb,
    ),
)

RUN = (
    Option(
        "workdir",
        "string",
        "Directory for all files of the run; one that holds a run is gone on "
        "with. If left out, the unfinished run of these options under runs/, "
        "or a new one there.",
    ),
    Option(
        "resume",
        "enum",
        "Go on with the run in --workdir if the options are its own, or even "
        "so, or never: a new run in a new directory.",
        default=_DEFAULTS.resume,
        choices=train.RESUMES,
    ),
    Option(
        "checkpoint_every_steps",
        "integer",
        "Steps between checkpoints, besides one an epoch; 0 for none.",
        default=_DEFAULTS.checkpoint_every_steps,
    ),
    Option(
        "checkpoint_every_minutes",
        "number",
        "Minutes between checkpoints, likewise.",
        default=_DEFAULTS.checkpoint_every_minutes,
    ),
    Option(
        "keep_checkpoints",
        "integer",
        "How many checkpoints are kept.",
        default=_DEFAULTS.keep_checkpoints,
    ),
    Option(
        "seed",
        "integer",
        "Of the weights, the order and the augmentation.",
        default=_DEFAULTS.seed,
    ),
    Option(
        "profile",
        "steps",
        "Write a profile of the steps START,STOP to the TensorBoard files.",
    ),
)

"""How a network is trained, on what devices, and where the results go."""

import dataclasses
import typing
from typing import Any
from typing import Literal

from pipeline import checks
from pipeline import config as augment_lib
from pipeline import options
from training.config import combinations
from training.config import networks

Strategy = Literal["default", "mirrored", "multi_worker", "tpu"]
Place = Literal["host", "device"]
Precision = Literal["none", "float16", "bfloat16"]
Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "cosine", "exponential"]
Sampling = Literal["natural", "balanced"]
Metric = Literal["val_loss", "val_accuracy", "val_auc"]
Monitor = Literal[Metric, "epoch"]
Resume = Literal["auto", "force", "never"]
METRICS: tuple[Metric, ...] = typing.get_args(Metric)

MODEL = options.Group("Model")
TRAINING = options.Group("Training")
# Where and how fast a run goes, and what it writes when. The bits of its
# numbers may depend on the devices; what is computed does not.
DEVICES = options.Group("Devices", scope="course")
RUN = options.Group("Run", scope="course")


def _check_class_weight(name: str, value: Any) -> str | dict[str, float]:
    # The names are compared with the classes when those are known.
    if isinstance(value, dict):
        return {key: checks.positive(name, value[key]) for key in value}
    return checks.check_choice(name, value, ("none", "balanced"))


def _check_profile(name: str, value: Any) -> tuple[int, int]:
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not is_pair or not 0 < value[0] < value[1]:
        received = ",".join(map(str, value)) if is_pair else value
        raise ValueError(
            f"`{name}` must be two steps, START,STOP, with 0 < START < STOP. "
            f"Received: {name}={received}"
        )
    return (value[0], value[1])


@options.documented
@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train: model, hyper-parameters, augmentation, devices, output."""

    workdir: str | None = RUN.option(
        None,
        "Directory for all files of the run; one that holds a run is resumed. "
        "If left out, the unfinished run of these options under runs/, or a "
        "new one there, named by the time.",
        kind="path",
        scope="process",
    )

    model: str = MODEL.option(
        "lesson",
        "The network: lesson, residual, residual_antialiased, "
        "efficientnet_lite0, or any of keras.applications, such as "
        "EfficientNetB0.",
        check=lambda _, model: networks.check_name(model),
    )
    weights: str | None = MODEL.option(
        None,
        "Initial weights: imagenet, or a file: a model.keras of another run, "
        "weights published for the network (.weights.h5, *_notop.h5), or "
        "arrays by name (.safetensors, .npz). Random weights if left out.",
        kind="path",
    )
    mixed_precision: Precision = MODEL.option(
        "none",
        "What is computed in, with weights and probabilities in float32.",
    )

    batch_size: int = TRAINING.option(
        32, "Images in a step, over all devices.", check=checks.integer(1)
    )
    epochs: int = TRAINING.option(
        5,
        "Passes over the training images.",
        check=checks.integer(1),
        # More of them are the same run, longer; but see `settings_of`.
        scope="course",
    )
    optimizer: Optimizer = TRAINING.option("adam", "What changes the weights.")
    learning_rate: float = TRAINING.option(
        0.005, "The highest that the schedule reaches.", check=checks.positive
    )
    schedule: Schedule = TRAINING.option(
        "constant",
        "What becomes of the learning rate after the warm-up: it stays, falls "
        "to 0 at the end of the last epoch along a cosine, or is multiplied by "
        "decay_rate an epoch, step by step.",
    )
    warmup_epochs: float = TRAINING.option(
        0.0,
        "Epochs in which the learning rate rises linearly from 0; fractions "
        "too.",
        check=checks.not_negative,
    )
    decay_rate: float = TRAINING.option(
        0.9,
        "Factor an epoch, with schedule=exponential.",
        check=checks.positive,
    )
    weight_decay: float = TRAINING.option(
        0.0,
        "Decoupled weight decay of adamw and sgd; biases and normalisation are "
        "left alone.",
        check=checks.not_negative,
    )
    momentum: float = TRAINING.option(
        0.9, "Momentum of sgd, as Nesterov has it.", check=checks.share
    )
    label_smoothing: float = TRAINING.option(
        0.0,
        "Share of each training label that is given to all classes alike.",
        check=checks.share,
    )
    clip_norm: float = TRAINING.option(
        0.0,
        "Largest norm of all gradients of the global batch together; 0 for "
        "any.",
        check=checks.not_negative,
    )
    ema_decay: float = TRAINING.option(
        0.0,
        "Validate and save moving averages of the weights with this decay, "
        "such as 0.999; 0 for the weights themselves.",
        check=checks.share,
    )
    class_weight: str | dict[str, float] = TRAINING.option(
        "none",
        "What an example counts in the training loss: none, balanced (inverse "
        "to how frequent its class is), or JSON such as "
        '{"normal": 2, "pneumonia": 1}.',
        kind="class_weight",
        check=_check_class_weight,
    )
    sampling: Sampling = TRAINING.option(
        "natural",
        "Each example once an epoch, or as many draws with each class equally "
        "often.",
    )
    monitor: Monitor = TRAINING.option(
        "val_auc",
        "What the best epoch is the best of; its model is kept as best.keras. "
        "Of epoch it is the last: for films that validation cannot speak of.",
    )
    early_stopping_patience: int = TRAINING.option(
        0,
        "Stop after so many epochs without a better one; 0 for never.",
        check=checks.integer(0),
        scope="course",
    )

    strategy: Strategy = DEVICES.option(
        "default",
        "One device; all GPUs of this machine (its CPU if it has none); "
        "several processes or machines; a TPU.",
    )
    devices: tuple[str, ...] | None = DEVICES.option(
        None,
        "Devices to mirror over, such as gpu:0,gpu:1; all GPUs if left out.",
    )
    num_virtual_devices: int = DEVICES.option(
        0,
        "Mirror over so many logical CPU devices, to try it without GPUs; 0 "
        "for real devices.",
        check=checks.integer(0),
    )
    workers: tuple[str, ...] | None = DEVICES.option(
        None,
        "host:port of each worker, the chief first, the same on all; if left "
        "out, TF_CONFIG or Slurm tells.",
        scope="process",
    )
    worker_index: int | None = DEVICES.option(
        None, "Which of the workers this process is.", scope="process"
    )
    start_timeout: float = DEVICES.option(
        120.0,
        "Seconds to wait for workers that have not started.",
        check=checks.positive,
    )
    tpu: str | None = DEVICES.option(
        None, "Name of the TPU, or local on a TPU machine.", scope="shared"
    )
    deterministic: bool = DEVICES.option(
        True,
        "Bit-identical results on GPUs too, at some cost in speed. On CPUs "
        "they always are.",
    )
    jit_compile: bool | None = DEVICES.option(
        None,
        "Compile the step with XLA; where it can be and helps, if left out.",
    )
    steps_per_execution: int = DEVICES.option(
        1,
        "Steps between two looks at signals, checkpoints and callbacks; more "
        "than one saves time where steps are short.",
        check=checks.integer(1),
    )
    augment_on: Place = DEVICES.option(
        "host",
        "Where images are transformed: device for hosts that cannot keep up. "
        "The values are the same.",
    )
    cache_on: Place = DEVICES.option(
        "host",
        "Where images are kept: device if they fit there, with "
        "augment_on=device.",
    )
    memory_budget_gb: float = DEVICES.option(
        4.0,
        "GiB of memory for the images of a split; larger ones are read as "
        "needed.",
        check=checks.positive,
        scope="result",
    )

    resume: Resume = RUN.option(
        "auto",
        "Resume the run in workdir if the options are its own, or even so, or "
        "never: a new run in a new directory.",
        scope="process",
    )
    checkpoint_every_steps: int = RUN.option(
        0,
        "Steps between checkpoints, besides one an epoch; 0 for none.",
        check=checks.integer(0),
    )
    checkpoint_every_minutes: float = RUN.option(
        0.0,
        "Minutes between checkpoints, likewise.",
        check=checks.not_negative,
    )
    keep_checkpoints: int = RUN.option(
        2, "How many checkpoints are kept.", check=checks.integer(1)
    )
    seed: int = RUN.option(
        0,
        "Of the weights, the order and the augmentation.",
        # Keras seeds NumPy, whose seeds are 32 bits wide.
        check=checks.integer(0, 2**32 - 1),
        scope="result",
    )
    profile: tuple[int, int] | None = RUN.option(
        None,
        "Write a profile of the steps START,STOP to the TensorBoard files.",
        kind="steps",
        check=checks.optional(_check_profile),
        scope="shared",
    )

    augment: augment_lib.AugmentConfig | None = TRAINING.option(
        None,
        "What is done to training images, and how all images are scaled; None "
        "for `pipeline.AugmentConfig()`.",
        kind="python",
        # The identity has the options in it instead.
        scope="course",
    )

    def __post_init__(self) -> None:
        options.check_fields(self)
        combinations.check(self)

"""How a network is trained, on what devices, and where the results go."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from training.config import checks
from training.config import networks

if typing.TYPE_CHECKING:
    import pipeline

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")
PLACES = ("host", "device")
PRECISIONS = ("none", "float16", "bfloat16")
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "exponential")
SAMPLINGS = ("natural", "balanced")
RESUMES = ("auto", "force", "never")
METRICS = ("loss", "accuracy", "auc")
MONITORS = tuple(f"val_{name}" for name in METRICS)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train: model, hyper-parameters, augmentation, devices, output.

    Attributes:
        workdir: Directory of the run's files. One with a run in it is gone on
            with. None for the unfinished run with the same settings under
            `runs/`, or a new one there, named by the time.
        model: One of `training.config.networks.NETWORKS`.
        weights: File of initial weights, as `model.load_initial_weights` takes
            it; None for random ones.
        mixed_precision: One of `PRECISIONS`: what is computed in, with weights
            and probabilities in float32; "none" for float32 throughout.
        batch_size: Global batch size: the replicas share it.
        epochs: How many times the training split is gone through.
        optimizer: One of `OPTIMIZERS`.
        learning_rate: The highest that the schedule reaches.
        schedule: One of `SCHEDULES`: what becomes of the learning rate after
            the warm-up: it stays, falls to 0 at the end of the last epoch along
            a cosine, or is multiplied by `decay_rate` an epoch, step by step.
        warmup_epochs: Epochs, or a fraction of one, in which the learning rate
            rises linearly from 0.
        decay_rate: Of the exponential schedule.
        weight_decay: Decoupled, of AdamW and SGD; biases and normalisation are
            left alone.
        momentum: Of SGD.
        label_smoothing: Share of the label given to all classes alike; in
            training only.
        clip_norm: Largest norm of all gradients of the global batch together;
            0 for no clipping.
        ema_decay: If positive, what is validated and saved are the moving
            averages of the weights with this decay, such as 0.999.
        class_weight: What an example counts in the training loss: "none",
            "balanced" (inverse to how frequent its class is), or a dictionary
            from class names to weights.
        sampling: "natural", each example once an epoch; or "balanced", as many
            draws an epoch, but each class equally often.
        monitor: One of `MONITORS`: what the best epoch is the best of.
        early_stopping_patience: Epochs without a better one after which
            training ends; 0 for never.
        seed: Of everything random: initial weights, order, augmentation.
        strategy: One of `STRATEGIES`.
        devices: Devices to mirror over, such as `("gpu:0", "gpu:1")`; None for
            all GPUs.
        num_virtual_devices: Split the CPU into so many logical devices, for
            trying `strategy="mirrored"` without GPUs. 0 for real devices.
        workers: Addresses `host:port` of all workers, the chief first; None
            where the environment tells (`training.cluster.addresses`).
        worker_index: Which of them this process is.
        start_timeout: Seconds to wait for workers that have not started.
        tpu: Name of a TPU, or "local".
        deterministic: Whether equal seeds give bit-identical results on GPUs
            too, at some cost in speed. On CPUs they always do.
        jit_compile: Whether XLA compiles the training step; None for where it
            can and is of use.
        steps_per_execution: Steps between two looks at signals, checkpoints
            and callbacks; more than one saves time where steps are short.
        checkpoint_every_steps: Steps between checkpoints; 0 for none but those
            at the end of each epoch.
        checkpoint_every_minutes: Likewise by time.
        keep_checkpoints: How many are kept.
        resume: "auto" goes on with the run in `workdir` if nothing that
            matters has changed, "force" even so, "never" begins a new run in a
            new directory.
        profile: `(start, stop)`: the steps of which a profile is written.
        augment: What is done to training images, and how all images are
            scaled. None for `pipeline.AugmentConfig()`.
        augment_on: "host", or "device" to transform images within the training
            step, for hosts that cannot keep up. The values are the same.
        cache_on: "host", or "device" to keep the uint8 images there; only with
            `augment_on="device"` and splits within the memory budget.
        memory_budget_gb: Most GiB that the images of a split may take in the
            host's memory; beyond it they are read as needed.
    """

    workdir: str | None = None
    model: str = "lesson"
    weights: str | None = None
    mixed_precision: str = "none"
    batch_size: int = 32
    epochs: int = 5
    optimizer: str = "adam"
    learning_rate: float = 0.005
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    decay_rate: float = 0.9
    weight_decay: float = 0.0
    momentum: float = 0.9
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    ema_decay: float = 0.0
    class_weight: str | dict[str, float] = "none"
    sampling: str = "natural"
    monitor: str = "val_auc"
    early_stopping_patience: int = 0
    seed: int = 0
    strategy: str = "default"
    devices: tuple[str, ...] | None = None
    num_virtual_devices: int = 0
    workers: tuple[str, ...] | None = None
    worker_index: int | None = None
    start_timeout: float = 120.0
    tpu: str | None = None
    deterministic: bool = True
    jit_compile: bool | None = None
    steps_per_execution: int = 1
    checkpoint_every_steps: int = 0
    checkpoint_every_minutes: float = 0.0
    keep_checkpoints: int = 2
    resume: str = "auto"
    profile: tuple[int, int] | None = None
    augment: pipeline.AugmentConfig | None = None
    augment_on: str = "host"
    cache_on: str = "host"
    memory_budget_gb: float = 4.0

    def __post_init__(self):
        networks.check_name(self.model)
        _check_learning(self)
        _check_selection(self)
        _check_devices(self)
        _check_running(self)


def _check_learning(config):
    checks.check_choice("mixed_precision", config.mixed_precision, PRECISIONS)
    checks.check_int("batch_size", config.batch_size, 1)
    checks.check_int("epochs", config.epochs, 1)
    checks.check_choice("optimizer", config.optimizer, OPTIMIZERS)
    checks.check_positive("learning_rate", config.learning_rate)
    checks.check_choice("schedule", config.schedule, SCHEDULES)
    checks.check_not_negative("warmup_epochs", config.warmup_epochs)
    if config.warmup_epochs >= config.epochs:
        raise ValueError(
            "`warmup_epochs` must be less than `epochs`. Received: "
            f"warmup_epochs={config.warmup_epochs}, epochs={config.epochs}"
        )
    checks.check_positive("decay_rate", config.decay_rate)
    checks.check_not_negative("weight_decay", config.weight_decay)
    if config.weight_decay and config.optimizer == "adam":
        raise ValueError(
            "`weight_decay` needs optimizer=adamw or sgd. Received: "
            f"weight_decay={config.weight_decay}, optimizer=adam"
        )
    for name in ("momentum", "label_smoothing", "ema_decay"):
        checks.check_share(name, getattr(config, name))
    checks.check_not_negative("clip_norm", config.clip_norm)
    if not isinstance(config.class_weight, dict):
        checks.check_choice(
            "class_weight", config.class_weight, ("none", "balanced")
        )
    checks.check_choice("sampling", config.sampling, SAMPLINGS)
    # Keras seeds NumPy, whose seeds are 32 bits wide.
    checks.check_int("seed", config.seed, 0, 2**32 - 1)


def _check_selection(config):
    checks.check_choice("monitor", config.monitor, MONITORS)
    checks.check_int(
        "early_stopping_patience", config.early_stopping_patience, 0
    )


def _check_devices(config):
    checks.check_choice("strategy", config.strategy, STRATEGIES)
    checks.check_int("num_virtual_devices", config.num_virtual_devices, 0)
    checks.check_positive("start_timeout", config.start_timeout)
    for name, needed in _NEEDED_STRATEGY.items():
        value: Any = getattr(config, name)
        # A worker's index of 0 is an answer, too.
        if value not in (None, (), "") and (value or name == "worker_index"):
            if config.strategy != needed:
                raise ValueError(
                    f"`{name}` needs strategy={needed}. Received: "
                    f"{name}={value}, strategy={config.strategy}"
                )
    if config.devices and config.num_virtual_devices:
        raise ValueError(
            "`devices` and `num_virtual_devices` must not both be given. "
            f"Received: devices={','.join(config.devices)}, "
            f"num_virtual_devices={config.num_virtual_devices}"
        )


_NEEDED_STRATEGY = {
    "devices": "mirrored",
    "num_virtual_devices": "mirrored",
    "workers": "multi_worker",
    "worker_index": "multi_worker",
    "tpu": "tpu",
}


def _check_running(config):
    checks.check_int("steps_per_execution", config.steps_per_execution, 1)
    checks.check_int("checkpoint_every_steps", config.checkpoint_every_steps, 0)
    checks.check_not_negative(
        "checkpoint_every_minutes", config.checkpoint_every_minutes
    )
    checks.check_int("keep_checkpoints", config.keep_checkpoints, 1)
    checks.check_choice("resume", config.resume, RESUMES)
    if config.profile is not None:
        start, stop = config.profile
        if not 0 < start < stop:
            raise ValueError(
                "`profile` must be two steps, START,STOP, with 0 < START < "
                f"STOP. Received: profile={start},{stop}"
            )
    checks.check_choice("augment_on", config.augment_on, PLACES)
    checks.check_choice("cache_on", config.cache_on, PLACES)
    if config.cache_on == "device" and config.augment_on == "host":
        raise ValueError(
            "`cache_on` must be host unless augment_on=device. Received: "
            f"cache_on={config.cache_on}, augment_on={config.augment_on}"
        )
    checks.check_positive("memory_budget_gb", config.memory_budget_gb)

"""Checks of values that are right by themselves, and not together."""

from __future__ import annotations

import typing

from training.config import weight_files

if typing.TYPE_CHECKING:
    from training.config import train

# What each of these options is an option of.
_NEEDED_STRATEGY = {
    "devices": "mirrored",
    "num_virtual_devices": "mirrored",
    "workers": "multi_worker",
    "worker_index": "multi_worker",
    "tpu": "tpu",
}


def check(config: train.TrainConfig) -> None:
    """Raises ValueError where options of a run contradict each other."""
    if config.warmup_epochs >= config.epochs:
        raise ValueError(
            "`warmup_epochs` must be less than `epochs`: add --warmup_epochs "
            "or --epochs. Received: "
            f"warmup_epochs={config.warmup_epochs}, epochs={config.epochs}"
        )
    if config.weight_decay and config.optimizer == "adam":
        raise ValueError(
            "`weight_decay` needs optimizer=adamw or sgd: add "
            "--optimizer=adamw or --optimizer=sgd. Received: "
            f"weight_decay={config.weight_decay}, optimizer=adam"
        )
    if config.cache_on == "device" and config.augment_on == "host":
        raise ValueError(
            "`cache_on` must be host unless augment_on=device: add "
            "--cache_on=host or --augment_on=device. Received: "
            f"cache_on={config.cache_on}, augment_on={config.augment_on}"
        )
    if config.early_stopping_patience and config.monitor == "epoch":
        raise ValueError(
            "`early_stopping_patience` needs a `monitor` of validation, such "
            "as --monitor=val_auc. Received: early_stopping_patience="
            f"{config.early_stopping_patience}, monitor=epoch"
        )
    if config.weights == weight_files.IMAGENET:
        weight_files.check_imagenet(config.model)
    _check_devices(config)


def _check_devices(config: train.TrainConfig) -> None:
    for name, needed in _NEEDED_STRATEGY.items():
        value = getattr(config, name)
        # A worker's index of 0 is an answer, too.
        if value not in (None, (), "") and (value or name == "worker_index"):
            if config.strategy != needed:
                raise ValueError(
                    f"`{name}` needs strategy={needed}: add "
                    f"--strategy={needed}, or leave out --{name}. Received: "
                    f"{name}={value}, strategy={config.strategy}"
                )
    if config.devices and config.num_virtual_devices:
        raise ValueError(
            "`devices` and `num_virtual_devices` must not both be given: leave "
            "out --devices or --num_virtual_devices. "
            f"Received: devices={','.join(config.devices)}, "
            f"num_virtual_devices={config.num_virtual_devices}"
        )

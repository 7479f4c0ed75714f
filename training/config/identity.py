"""What of a configuration must stay the same for a run to be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import config as augment_lib
from pipeline import options
from training.config import train


def settings_of(config: train.TrainConfig) -> dict[str, Any]:
    """Returns the values that decide what is computed, by name, as JSON does.

    The epochs are no part of it, unless the schedule depends on how many there
    are: more of them are the same run, longer.
    """
    settings = _identity_of(config)
    if config.schedule == "cosine":
        settings["epochs"] = config.epochs
    if config.augment is not None:
        settings.update(_identity_of(config.augment))
    return settings


def describe_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """Returns a line for each setting that differs, by name.

    A setting that one of them lacks is of an option that is newer than its run,
    which did what the default says.

    Args:
        before: As `settings_of` returns it.
        after: Likewise.
    """
    defaults = settings_of(
        train.TrainConfig(augment=augment_lib.AugmentConfig())
    )
    before, after = {**defaults, **before}, {**defaults, **after}
    return [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _identity_of(config: Any) -> dict[str, Any]:
    return {
        name: _plain(getattr(config, name))
        for name, option in options.options_of(type(config)).items()
        if option.in_identity
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return value

"""What of a configuration must stay the same for a run to go on with."""

import dataclasses

# What may change between two parts of a run: where it runs and how fast, what
# is written when, and when it ends. The bits of its numbers may depend on the
# devices; what is computed does not.
_FREE = frozenset(
    {
        "workdir",
        "early_stopping_patience",
        "strategy",
        "devices",
        "num_virtual_devices",
        "workers",
        "worker_index",
        "start_timeout",
        "tpu",
        "deterministic",
        "jit_compile",
        "steps_per_execution",
        "checkpoint_every_steps",
        "checkpoint_every_minutes",
        "keep_checkpoints",
        "resume",
        "profile",
        "augment_on",
        "cache_on",
    }
)


def settings_of(config):
    """Returns the values that decide what is computed, as JSON has them.

    Args:
        config: `TrainConfig`.

    Returns:
        Dict of names to values. The epochs are no part of it, unless the
        schedule depends on how many there are: more of them are the same run,
        longer.
    """
    settings = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in _FREE | {"augment", "epochs"}:
            settings[field.name] = _plain(value)
    if config.schedule == "cosine":
        settings["epochs"] = config.epochs
    for name, value in _augmentation(config.augment).items():
        settings[name] = _plain(value)
    return settings


def describe_changes(before, after):
    """Returns a line for each setting that differs, by name.

    Args:
        before: As `settings_of` returns it.
        after: Likewise.
    """
    return [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _augmentation(augment):
    if augment is None:
        return {}
    values = {
        field.name: getattr(augment, field.name)
        for field in dataclasses.fields(augment)
    }
    # Fitted to the training images: it changes only with them.
    values.pop("statistics", None)
    return values


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return value

"""Trains a classifier of chest X-rays, and validates it after each epoch.

    python train.py --flagfile=recipes/lesson.flags --images_dir=my/xrays

The options are those of `training.config.options`, the work is that of
`training.loop`. What is wrong with an option is said before TensorFlow loads.
The exit status is one of `training.errors`.
"""

import dataclasses
import os
import sys
import time

from absl import app
from absl import flags
from absl import logging

from training import children
from training import config as config_lib
from training import errors
from training import quiet_import
from training.cluster import addresses as addresses_lib
from training.cluster import guard
from training.config import options
from training.config import weight_files
from training.workdir import directory as directory_lib

_STARTED = time.monotonic()
_HELP_FLAGS = {"-h", "-help", "--help", "-helpshort", "--helpshort", "-?"}
# What belongs to one process and not to a run that repeats another.
_NOT_REPEATED = ("workdir", "resume", "workers", "worker_index")
_RECORDS_DIR = os.path.join("data", "records")


def main(argv):
    """Trains as the flags say; returns the exit status."""
    children.end_with_parent()
    if len(argv) > 1:
        return _fail(f"Options begin with --. Received: {' '.join(argv[1:])}")
    channel = None
    try:
        data_config, config, augment = _read_flags()
        cluster = _find_cluster(config)
        if cluster is None or cluster.is_chief:
            _check_files(config)
        if guard.is_needed(cluster):
            command = [sys.executable, *sys.orig_argv[1:]]
            return guard.run(command, cluster, config.start_timeout)
        channel = guard.open_channel(cluster, config.start_timeout)
        with channel.translating_errors():
            quiet_import.import_tensorflow()
            result = _train(data_config, config, augment, cluster, channel)
        channel.close()
    except (ValueError, errors.TrainingError) as error:
        if channel is not None:
            channel.fail(str(error))
        return _fail(error, getattr(error, "status", 2))
    except KeyboardInterrupt:
        return _fail("Interrupted before training began.", status=130)
    # A process that a signal ends has this status in a shell.
    return 128 + result.signum if result.signum else 0


def _read_flags():
    """Returns `DataConfig`, `TrainConfig` and the augmentation's fields."""
    for name in ("images_dir", "data_dir", "weights"):
        flag = flags.FLAGS[name]
        if flag.value is not None:
            # So that the flag file says the same from any directory.
            flag.value = os.path.abspath(os.path.expanduser(flag.value))
    values = flags.FLAGS.flag_values_dict()
    return (
        config_lib.DataConfig(**options.parse_group(options.DATA, values)),
        config_lib.TrainConfig(**options.parse_group(options.TRAIN, values)),
        options.parse_group(options.AUGMENTATION, values),
    )


def _check_files(config):
    """Raises ValueError where a run could not begin, before anything loads."""
    directory_lib.check(config.workdir)
    # A run that goes on has its weights in its checkpoint.
    begins = (
        config.workdir is None or directory_lib.read_run(config.workdir) is None
    )
    if config.weights is not None and begins:
        weight_files.check_weights_path(config.weights)


def _find_cluster(config):
    if config.strategy != "multi_worker":
        return None
    return addresses_lib.find_cluster(
        workers=config.workers, worker_index=config.worker_index
    )


def _train(data_config, config, augment, cluster, channel):
    """Loads the data and trains; returns the loop's `TrainResult`.

    The modules that need TensorFlow are imported here, not to keep a user who
    has mistyped a flag waiting for it.
    """
    import pipeline
    from training import loop
    from training.data import splits as splits_lib
    from training.loop import strategy as strategy_lib

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
    config = dataclasses.replace(
        config, augment=pipeline.AugmentConfig(**augment)
    )
    # Before the data is read: TensorFlow's devices are fixed when it starts.
    strategy = strategy_lib.build_strategy(
        config.strategy,
        devices=config.devices,
        num_virtual_devices=config.num_virtual_devices,
        cluster=cluster,
        tpu=config.tpu,
    )
    channel.mark_connected()
    splits = splits_lib.load_splits(
        _prepare(data_config, channel),
        memory_budget_gb=config.memory_budget_gb,
    )
    return loop.train_and_evaluate(
        config,
        splits,
        flagfile=_flagfile(),
        strategy=strategy,
        channel=channel,
        started=_STARTED,
    )


def _prepare(data_config, channel):
    """Returns the builder of the prepared images, preparing them if need be.

    The chief first: the others find its records, where they share a disk.
    """
    if not channel.is_chief:
        channel.broadcast(None)
    builder = _open_builder(data_config)
    if channel.is_chief:
        channel.broadcast(b"prepared")
    return builder


def _open_builder(data_config):
    import tensorflow_datasets as tfds

    from training.data import splits as splits_lib
    import xray_tfds

    # In a log, each of its updates would stay.
    tfds.display_progress_bar(sys.stderr.isatty())
    image_options = data_config.image_options()
    if data_config.images_dir is not None:
        try:
            return xray_tfds.prepare(
                data_config.images_dir,
                data_config.data_dir or _RECORDS_DIR,
                **image_options,
            )
        except ImportError as error:
            # A library for files of the folder, which it names.
            raise ValueError(str(error)) from error
    builder = tfds.builder(data_config.dataset, data_dir=data_config.data_dir)
    splits_lib.check_options(builder, image_options)
    return builder


def _flagfile():
    """Returns the text of a flag file that repeats this run."""
    lines = ["# Repeats this run: python train.py --flagfile=THIS_FILE"]
    for group, group_options in options.GROUPS.items():
        lines += ["", f"# {group}"]
        for option in group_options:
            flag = flags.FLAGS[option.name]
            if option.name not in _NOT_REPEATED and flag.value is not None:
                lines.append(flag.serialize())
    return "\n".join(lines) + "\n"


def _define_flags():
    for option in sum(options.GROUPS.values(), ()):
        default = option.default
        if option.kind == "enum":
            flags.DEFINE_enum(option.name, default, option.choices, option.help)
        elif option.kind == "boolean":
            flags.DEFINE_boolean(option.name, default, option.help)
        else:
            # Text, which the option itself knows to read.
            text = None if default is None else str(default)
            flags.DEFINE_string(option.name, text, option.help)


def _parse_flags(argv):
    """Returns what is left of `argv`; prints help, or what is wrong, and exits.

    absl's own `--help` sorts by name; ours keeps what belongs together
    together. Its `--helpfull` is left as it is.
    """
    if _HELP_FLAGS.intersection(argv[1:]):
        print(__doc__.split("\n\nThe options")[0] + "\n")
        print(options.describe())
        print("\n--flagfile=FILE reads options from a file, one a line.")
        sys.exit(0)
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        sys.exit(_fail(error))


def _fail(error, status=2):
    print(f"train.py: {error}", file=sys.stderr)
    return status


_define_flags()

if __name__ == "__main__":
    app.run(main, flags_parser=_parse_flags)

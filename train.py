"""Trains a classifier of chest X-rays, and validates it after each epoch.

    python train.py --flagfile=recipes/lesson.flags --images_dir=my/xrays

Each option is a field of a configuration in `training.config`, the work is that
of `training.loop`. What is wrong with an option is reported before TensorFlow
loads. The exit status is one of `training.errors`.
"""

import dataclasses
import os
import pathlib
import sys
import time

from absl import app
from absl import flags
from absl import logging

from console import streams
from disk import cells
from disk import paths
from training import children
from training import errors
from training import keras_settings
from training import output
from training import quiet_import
from training.cluster import addresses as addresses_lib
from training.cluster import guard
from training.config import flags as flags_lib
from training.config import weight_files
from training.workdir import directory as directory_lib

_STARTED = time.monotonic()
_RECORDS_DIR = os.path.join("data", "records")


def main(argv: list[str]) -> int:
    """Trains as the flags say; returns the exit status."""
    children.end_with_parent()
    if len(argv) > 1:
        return _fail(f"Options begin with --. Received: {' '.join(argv[1:])}")
    # What the command line names relatively lies here.
    started_in = os.getcwd()
    channel = None
    try:
        data_config, config = flags_lib.read(flags.FLAGS)
        config = _keep_apart(data_config.images_dir, config)
        waited_from = time.monotonic()
        cluster = _find_cluster(config)
        # What names of hosts have taken is not waited for again.
        waited = time.monotonic() - waited_from
        timeout = max(config.start_timeout - waited, 0.0)
        if cluster is None or cluster.is_chief:
            _check_files(config)
        if guard.is_needed(cluster):
            command = [sys.executable, *sys.orig_argv[1:]]
            return guard.run(command, cluster, timeout, directory=started_in)
        channel = guard.open_channel(cluster, timeout)
        if channel.is_chief and (ignored := keras_settings.ignored()):
            print("Keras keeps its defaults, without " + ", ".join(ignored))
        with channel.translating_errors():
            quiet_import.import_tensorflow()
            result = _train(data_config, config, cluster, channel)
        channel.close()
    except (ValueError, errors.TrainingError) as error:
        if channel is not None:
            channel.fail(str(error))
        return _fail(error, getattr(error, "status", 2))
    except KeyboardInterrupt:
        return _fail("Interrupted.", status=130)
    # A process that a signal ends has this status in a shell.
    return 128 + result.signum if result.signum else 0


def _keep_apart(images_dir, config):
    """Returns the configuration with nothing to write among the images.

    What is named by no flag goes to `data` and `runs`: where the program was
    started, or beside the folder of images if that is inside it.
    """

    def is_inside(path):
        return paths.lies_within(path, images_dir)

    if images_dir is None or not os.path.isdir(images_dir):
        return config
    if config.workdir is not None and is_inside(config.workdir):
        raise ValueError(
            "`workdir` must be outside the folder of images, which holds "
            "images alone. Add --workdir=DIR with another directory. Received: "
            f"workdir={config.workdir}"
        )
    if is_inside(os.curdir):
        if config.workdir is not None:
            workdir = os.path.abspath(config.workdir)
            config = dataclasses.replace(config, workdir=workdir)
        parent = pathlib.Path(images_dir).resolve().parent
        os.chdir(parent)
        print(f"Inside the folder of images: all is written to {parent}")
    return config


def _check_files(config):
    """Raises ValueError where a run could not begin, before anything loads."""
    directory_lib.check(config.workdir)
    # A run that goes on has its weights in its checkpoint.
    begins = config.workdir is None or not directory_lib.holds_run(
        config.workdir
    )
    if config.weights is not None and begins:
        weight_files.check_weights(config.weights, config.model)


def _find_cluster(config):
    if config.strategy != "multi_worker":
        return None
    return addresses_lib.find_cluster(
        workers=config.workers,
        worker_index=config.worker_index,
        timeout=config.start_timeout,
    )


def _train(data_config, config, cluster, channel):
    """Loads the data and trains; returns the loop's `TrainResult`.

    The modules that need TensorFlow are imported here, not to keep a user who
    has mistyped a flag waiting for it.
    """
    from training import loop
    from training.data import splits as splits_lib
    from training.loop import strategy as strategy_lib

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
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
    if data_config.finds_classes:
        # The same classes, whatever folders are there when it is repeated.
        names = cells.join_names(splits.class_names)
        flags.FLAGS["class_names"].value = names
    return loop.train_and_evaluate(
        config,
        splits,
        flagfile=flags_lib.write(flags.FLAGS),
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
        # The chief has published what there is.
        data_config = dataclasses.replace(data_config, publish_dir=None)
    builder = _open_builder(data_config)
    if channel.is_chief:
        channel.broadcast(b"prepared")
    return builder


def _open_builder(data_config):
    import tensorflow_datasets as tfds

    from training.data import splits as splits_lib
    import xray_tfds

    # In a log, each of its updates would stay.
    tfds.display_progress_bar(streams.is_live(sys.stderr))
    image_options = data_config.image_options()
    if data_config.images_dir is not None:
        try:
            return xray_tfds.prepare(
                data_config.images_dir,
                data_config.data_dir or _RECORDS_DIR,
                **image_options,
                rehash=data_config.rehash,
                publish_dir=data_config.publish_dir,
            )
        except ImportError as error:
            # A library for files of the folder, which it names.
            raise ValueError(str(error)) from error
    try:
        builder = tfds.builder(
            data_config.dataset, data_dir=data_config.data_dir
        )
    except (AssertionError, ValueError) as error:
        reason = (str(error).strip() or "no such dataset").splitlines()[0]
        raise ValueError(
            "`dataset` must be the name of a prepared dataset, such as "
            f"xray_tfds/<config>. Received: dataset={data_config.dataset}, of "
            f"which TFDS says: {reason}"
        ) from error
    except OSError as error:
        raise errors.StorageError(
            f"Records could not be read at {error.filename or 'their place'}: "
            f"{error.strerror or error}. Give access to them, or name another "
            "directory: --data_dir=DIR."
        ) from error
    splits_lib.check_options(
        builder, image_options, defaults=vars(xray_tfds.XrayConfig())
    )
    return builder


def _parse_flags(argv):
    # Without docstrings, as with `python -OO`, there is none.
    about = (__doc__ or "").split("\n\nEach option")[0]
    return flags_lib.parse(argv, flags, about=about)


def _fail(error, status=2):
    print(f"train.py: {error}", file=sys.stderr)
    return status


flags_lib.define(flags)

if __name__ == "__main__":
    with output.surviving():
        app.run(main, flags_parser=_parse_flags)

"""From a name to a `tf.distribute.Strategy`."""

import tensorflow as tf

# One being copied while the other waits for its step.
_BATCHES_AHEAD = 2


def build_strategy(name, *, num_virtual_devices=0):
    """Builds the strategy that a run is distributed with.

    Args:
        name: `"default"`, one device, the first GPU if there is one; or
            `"mirrored"`, all GPUs of this machine, its CPU if it has none.
        num_virtual_devices: If positive, mirror over so many logical devices
            of the CPU instead. TensorFlow creates them when it starts, so this
            must be the first thing a process does with it.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: If `name` is unknown, or `num_virtual_devices` given with
            the default strategy.
        RuntimeError: If TensorFlow has started with other devices.
    """
    if name not in ("default", "mirrored"):
        raise ValueError(
            "`strategy` must be one of default, mirrored. "
            f"Received: strategy={name}"
        )
    if name == "default":
        if num_virtual_devices:
            raise ValueError(
                "`num_virtual_devices` needs strategy=mirrored. Received: "
                f"num_virtual_devices={num_virtual_devices}, strategy={name}"
            )
        return tf.distribute.get_strategy()
    if num_virtual_devices:
        create_virtual_cpus(num_virtual_devices)
        return _mirror_cpus(num_virtual_devices)
    if not tf.config.list_logical_devices("GPU"):
        return _mirror_cpus(1)
    return tf.distribute.MirroredStrategy()


def distribute(strategy, make_dataset):
    """Returns the batches of a strategy, on its devices ahead of their step.

    Args:
        strategy: A `tf.distribute.Strategy`.
        make_dataset: Function from `tf.distribute.InputContext` to the
            `tf.data.Dataset` of a worker.
    """
    batches = strategy.distribute_datasets_from_function(make_dataset)
    if strategy is tf.distribute.get_strategy():
        gpus = tf.config.list_logical_devices("GPU")
        if gpus:
            # Strategies of several devices do this themselves.
            batches = batches.apply(
                tf.data.experimental.prefetch_to_device(
                    gpus[0].name, _BATCHES_AHEAD
                )
            )
    return batches


def create_virtual_cpus(count):
    """Splits the CPU into logical devices, if there are not enough already.

    Args:
        count: How many are needed; 0 for leaving the CPU as it is.

    Raises:
        RuntimeError: If TensorFlow has started with fewer.
    """
    if not count:
        return
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or ()) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError as error:
        existing = len(tf.config.list_logical_devices("CPU"))
        raise RuntimeError(
            "`num_virtual_devices` must be set before TensorFlow starts, and "
            f"it has started with {existing} CPU device(s). Received: "
            f"num_virtual_devices={count}"
        ) from error


def _mirror_cpus(count):
    # Without this, CPUs are reduced over by collectives, whose keys start from
    # the same number in every strategy: a second model in the same process
    # fails with "Shape mismatch in the collective instance" (TensorFlow 2.21).
    return tf.distribute.MirroredStrategy(
        [f"/cpu:{index}" for index in range(count)],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )

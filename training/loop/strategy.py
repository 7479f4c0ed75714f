"""From a name to a `tf.distribute.Strategy`."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import typing
from typing import Any

import tensorflow as tf

from training.loop import tpu as tpu_lib

if typing.TYPE_CHECKING:
    from training.cluster import addresses

_NAMES = ("default", "mirrored", "multi_worker", "tpu")

# One being copied while the other waits for its step.
_BATCHES_AHEAD = 2


def build_strategy(
    name: str,
    *,
    devices: Sequence[str] | None = None,
    num_virtual_devices: int = 0,
    cluster: addresses.Cluster | None = None,
    tpu: str | None = None,
) -> tf.distribute.Strategy:
    """Builds the strategy that a run is distributed with.

    It must be the first thing that a process does with TensorFlow's devices,
    unless it is the default.

    Args:
        name: `"default"`, one device, the first GPU if there is one;
            `"mirrored"`, all GPUs of this machine, its CPU if it has none;
            `"multi_worker"`, all devices of a cluster of processes; or `"tpu"`.
        devices: Devices to mirror over, such as `("gpu:0", "gpu:1")`.
        num_virtual_devices: If positive, mirror over so many logical devices
            of the CPU instead.
        cluster: The processes, with `"multi_worker"`.
        tpu: Name of a TPU, or "local".

    Raises:
        ValueError: If `name` is unknown, or what it needs is not there.
        RuntimeError: If TensorFlow has started with other devices.
    """
    if name not in _NAMES:
        raise ValueError(
            f"`strategy` must be one of {', '.join(_NAMES)}. "
            f"Received: strategy={name}"
        )
    if num_virtual_devices and name != "mirrored":
        raise ValueError(
            "`num_virtual_devices` needs strategy=mirrored: add "
            "--strategy=mirrored. Received: "
            f"num_virtual_devices={num_virtual_devices}, strategy={name}"
        )
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        return _build_multi_worker(cluster)
    if name == "tpu":
        return tpu_lib.connect(tpu)
    if num_virtual_devices:
        create_virtual_cpus(num_virtual_devices)
        return _mirror_cpus(num_virtual_devices)
    if devices:
        return _mirror(devices)
    if not tf.config.list_logical_devices("GPU"):
        return _mirror_cpus(1)
    return tf.distribute.MirroredStrategy()


def distribute(
    strategy: tf.distribute.Strategy,
    make_dataset: Callable[[tf.distribute.InputContext], tf.data.Dataset],
) -> Any:
    """Returns the batches of a strategy, on its devices ahead of their step.

    Args:
        strategy: Whose replicas share the batches.
        make_dataset: Makes the dataset of a worker.
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


def create_virtual_cpus(count: int) -> None:
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


def _mirror_cpus(count: int) -> tf.distribute.Strategy:
    # Without this, CPUs are reduced over by collectives, whose keys start from
    # the same number in every strategy: a second model in the same process
    # fails with "Shape mismatch in the collective instance" (TensorFlow 2.21).
    return tf.distribute.MirroredStrategy(
        [f"/cpu:{index}" for index in range(count)],
        cross_device_ops=tf.distribute.ReductionToOneDevice(),
    )


def _mirror(devices: Sequence[str]) -> tf.distribute.Strategy:
    """Mirrors over devices by name, after a look whether there are such."""
    found = [
        f"{device.device_type.lower()}:{device.name.rpartition(':')[-1]}"
        for device in tf.config.list_logical_devices()
        if device.device_type in ("CPU", "GPU")
    ]
    wanted = [device.lower().lstrip("/") for device in devices]
    unknown = [device for device in wanted if device not in found]
    if unknown or len(set(wanted)) < len(wanted):
        raise ValueError(
            f"`devices` must be different ones of {', '.join(found)}. "
            f"Received: devices={','.join(devices)}"
        )
    operations = None
    if any(device.startswith("cpu") for device in wanted):
        operations = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(
        [f"/{device}" for device in wanted], cross_device_ops=operations
    )


def _build_multi_worker(
    cluster: addresses.Cluster | None,
) -> tf.distribute.Strategy:
    if cluster is None:
        raise ValueError(
            "strategy=multi_worker needs a cluster: start it by train.py. "
            "Received: cluster=None"
        )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)

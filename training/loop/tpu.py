"""From the name of a TPU to a strategy."""

import os
import urllib.error
import urllib.request

import tensorflow as tf

# Where a virtual machine of Google Cloud asks about itself. TensorFlow asks it
# for minutes, wherever it is.
_METADATA_URL = "http://metadata.google.internal/computeMetadata/v1/"
_METADATA_SECONDS = 3

# A TPU machine's own devices.
_LOCAL_DEVICES = ("/dev/accel0", "/dev/vfio/0")


def connect(name: str | None) -> tf.distribute.Strategy:
    """Connects to a TPU and initialises it.

    Args:
        name: Of a Cloud TPU, its `grpc://` address, or "local" on a machine
            that has one.

    Returns:
        A `tf.distribute.TPUStrategy`.

    Raises:
        ValueError: If there is none.
    """
    if not name:
        raise ValueError(
            "strategy=tpu needs --tpu: the name of a TPU, its grpc:// address, "
            f"or local on a TPU machine. Received: tpu={name}"
        )
    _check(name)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"The TPU could not be connected to or initialised: {reason} "
            f"Received: tpu={name}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _check(name: str) -> None:
    """Raises ValueError at once for what TensorFlow would try for minutes."""
    if name == "local":
        if not any(os.path.exists(device) for device in _LOCAL_DEVICES):
            raise ValueError(
                "tpu=local needs a machine with a TPU: none of its devices "
                f"({', '.join(_LOCAL_DEVICES)}) is here. Received: tpu=local"
            )
    elif not name.startswith("grpc://") and not _is_on_google_cloud():
        raise ValueError(
            "The address of a TPU is found by its name only on Google Cloud, "
            "whose metadata server does not answer here. Run there, or give "
            f"the address as grpc://HOST:8470. Received: tpu={name}"
        )


def _is_on_google_cloud() -> bool:
    request = urllib.request.Request(
        _METADATA_URL, headers={"Metadata-Flavor": "Google"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_METADATA_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False

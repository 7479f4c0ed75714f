"""Weights to begin with.

Nothing but arrays is read: Keras runs what a file from elsewhere says about
its layers, and more than once it could be had to run more than that in spite
of `safe_mode` (CVE-2025-1550, CVE-2025-8747).
"""

import pathlib
import re
import warnings

import keras

from training.config import weight_files
from training.model import applications
from training.model import array_files
from training.model import imagenet
from training.model import named_arrays
from training.model import torch_names
from training.model import weight_arrays

# Where Keras puts arrays, and among them the kernel of the head, which is the
# only dense layer at the top level of our models.
_LAYERS = "layers/"
_KERNEL_OF_HEAD = "layers/dense/vars/0"


def load_initial_weights(model: keras.Model, path: str | pathlib.Path) -> str:
    """Gives a network the weights of a file, as far as they are its own.

    A head for another number of classes is left at random.

    Args:
        model: As `build_model` returns it.
        path: "imagenet", or a file: a `.keras` model of the same network, such
            as another run's; a `.weights.h5` of the same; weights that were
            published for a network of `keras.applications` without its head
            (`*_notop.h5`); or arrays by name, `.safetensors` or `.npz`, named
            as `weight.path` of Keras or as PyTorch names them
            (`named_arrays.load`, `torch_names.load`).

    Returns:
        What was loaded, in words.

    Raises:
        ValueError: If there is no such file, or it is of another network; the
            model's weights are as before then.
    """
    if path == weight_files.IMAGENET:
        return imagenet.load(model)
    path = pathlib.Path(path)
    weight_files.check_weights_path(path)
    if path.suffix in weight_files.NAMED:
        return _load_named(model, path)
    with weight_arrays.open_arrays(path) as arrays:
        if arrays.is_of_layers:
            return _load_published(model, path, arrays)
        if any(name.startswith(_LAYERS) for name in arrays.shapes):
            return _load_saved(model, path, arrays)
    raise ValueError(
        "`weights` must be a file of weights, and this one holds something "
        f"else. Received: weights={path}"
    )


def load_saved_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Gives a network all the weights of a `.keras` file of its own kind.

    Args:
        model: As `build_model` returns it.
        path: A model that a run has saved.

    Raises:
        ValueError: If a weight is missing, left over or of another shape.
    """
    with weight_arrays.open_arrays(path) as arrays:
        _check_count(model, path, arrays)
        _read(model, path, arrays, model.name)


def _load_named(model: keras.Model, path: pathlib.Path) -> str:
    arrays = array_files.read(path)
    backbone = applications.backbone_of(model)
    try:
        if backbone is not None and torch_names.names_arrays(backbone, arrays):
            torch_names.load(backbone, arrays)
            return f"{backbone.name} from {path}, its head at random"
        of_head = named_arrays.load(model, arrays)
    except ValueError as error:
        raise _misfit(path, model.name, str(error)) from error
    if backbone is not None:
        applications.set_pixel_statistics(backbone)
    return f"{path}, {of_head}" if of_head else f"all of {path}"


def _load_published(
    model: keras.Model, path: pathlib.Path, arrays: weight_arrays.Arrays
) -> str:
    backbone = applications.backbone_of(model)
    if backbone is None:
        raise ValueError(
            "`weights` must be a .keras or .weights.h5 file for the model "
            f"{model.name}: published weights are for networks of "
            f"keras.applications. Received: weights={path}"
        )
    _read(backbone, path, arrays, f"{backbone.name} without its head")
    applications.set_pixel_statistics(backbone)
    return f"{backbone.name} from {path}, its head at random"


def _load_saved(
    model: keras.Model, path: pathlib.Path, arrays: weight_arrays.Arrays
) -> str:
    _check_count(model, path, arrays)
    head = model.layers[-1]
    if not _has_other_classes(arrays, head):
        _read(model, path, arrays, model.name)
        return f"all of {path}"
    body = keras.Model(model.inputs[0], head.input)
    _read(body, path, arrays, model.name)
    return f"{path}, but for the head, which had other classes"


def _read(
    target: keras.Model,
    path: pathlib.Path,
    arrays: weight_arrays.Arrays,
    network: str,
) -> None:
    """Loads weights into `target`, all of them or none."""
    before = target.get_weights()
    try:
        with warnings.catch_warnings():
            # About each layer that does not fit; the error says it once.
            warnings.simplefilter("ignore")
            target.load_weights(arrays.path)
    except weight_arrays.UNREADABLE as error:
        target.set_weights(before)
        # What follows are the values of the array, and all other layers.
        reason = re.split("Target variable|List of objects", str(error))[0]
        raise _misfit(path, network, " ".join(reason.split())) from error


def _has_other_classes(
    arrays: weight_arrays.Arrays, head: keras.layers.Layer
) -> bool:
    """Whether the head in a file differs in its outputs alone."""
    found = arrays.shapes.get(_KERNEL_OF_HEAD)
    expected = tuple(head.kernel.shape)
    return (
        found is not None and found[:-1] == expected[:-1] and found != expected
    )


def _check_count(
    model: keras.Model, path: pathlib.Path, arrays: weight_arrays.Arrays
) -> None:
    """Raises unless a file has as many arrays as a network.

    Keras looks for what it needs and not at what is left.
    """
    found, expected = _count(arrays), len(model.weights)
    if found != expected:
        reason = f"it has {expected} arrays, the file {found}"
        raise _misfit(path, model.name, reason)


def _count(arrays: weight_arrays.Arrays) -> int:
    """Counts arrays of weights; states of random generators are none."""
    return sum(
        name.startswith(_LAYERS) and "seed_generator" not in name
        for name in arrays.shapes
    )


def _misfit(path: pathlib.Path, network: str, reason: str) -> ValueError:
    return ValueError(
        f"`weights` must be of the network {network}: "
        f"{reason.rstrip('. ')}. Received: weights={path}"
    )

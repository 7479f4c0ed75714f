"""Weights from a file, to begin with."""

import pathlib
import warnings

import keras

from training import network_names

_SUFFIXES = (".keras", ".h5")


def load_initial_weights(model, path):
    """Gives a network the weights of a file, as far as they are its own.

    Args:
        model: A `keras.Model` as `build_model` returns it.
        path: A `.keras` model of the same network, such as another run's; a
            `.weights.h5` of the same; or weights that were published for a
            network of `keras.applications` without its head (`*_notop.h5`).
            Nothing but numbers is read from `.h5` files.

    Returns:
        What was loaded, in words.

    Raises:
        ValueError: If there is no such file, or it is of another network.
    """
    path = pathlib.Path(path)
    if path.suffix not in _SUFFIXES or not path.is_file():
        raise ValueError(
            "`weights` must be an existing file that ends in .keras, "
            f".weights.h5 or _notop.h5. Received: weights={path}"
        )
    if path.suffix == ".keras":
        return _copy(_read_model(path), model, path)
    if path.name.endswith(".weights.h5"):
        _read_weights(model, path)
        return f"all of {path}"
    backbone = _backbone(model)
    if backbone is None:
        raise ValueError(
            "`weights` must be a .keras or .weights.h5 file for the model "
            f"{model.name}: published weights are for networks of "
            f"keras.applications. Received: weights={path}"
        )
    _read_weights(backbone, path)
    return f"{backbone.name} from {path}, its head at random"


def _read_model(path):
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from error


def _read_weights(model, path):
    before = model.get_weights()
    try:
        with warnings.catch_warnings():
            # About each layer that does not fit; the error says it once.
            warnings.simplefilter("ignore")
            model.load_weights(path)
    except (OSError, TypeError, ValueError, KeyError) as error:
        # Some of them may have been read.
        model.set_weights(before)
        raise _unreadable(path, error, model.name) from error


def _copy(source, model, path):
    """Copies the weights of a model, but for a head of another size."""
    theirs, ours = source.weights, model.weights
    differs = [
        index
        for index, (a, b) in enumerate(zip(theirs, ours))
        if a.shape != b.shape
    ]
    head = {len(ours) - 2, len(ours) - 1}
    if len(theirs) != len(ours) or not set(differs) <= head:
        first = ours[differs[0]].path if differs else "their number"
        raise ValueError(
            f"`weights` must be of the network {model.name}, but those of "
            f"{source.name} differ from it, first in {first}. "
            f"Received: weights={path}"
        )
    kept = head if differs else set()
    for index, (a, b) in enumerate(zip(theirs, ours)):
        if index not in kept:
            b.assign(a)
    if differs:
        return f"{path}, but for the head, which had other classes"
    return f"all of {path}"


def _backbone(model):
    """Returns the network of `keras.applications` in a model, or None."""
    for layer in model.layers:
        if layer.name in network_names.NETWORKS:
            return layer
    return None


def _unreadable(path, error, name=None):
    expected = f" of the network {name}" if name else ""
    reason = " ".join(str(error).split())[:300]
    return ValueError(
        f"`weights` must be a file{expected} that Keras can read: {reason} "
        f"Received: weights={path}"
    )

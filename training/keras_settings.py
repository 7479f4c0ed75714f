"""Keras as on any machine, whatever this one's settings say.

When it is imported, Keras reads `keras.json` of its own directory, which any
program may have written, and variables of the environment. They change the
network in silence (`image_data_format`, `floatx`, `epsilon`), run it on
something that our loop is not made for (`backend`), or end the import.
"""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import sys
from typing import Any

_DEFAULTS: dict[str, Any] = {
    "backend": "tensorflow",
    "epsilon": 1e-7,
    "floatx": "float32",
    "image_data_format": "channels_last",
}
_PREFIX = "KERAS_"

# TensorFlow's, to use Keras 2; it has no Keras at all where that is missing.
_LEGACY_SWITCH = "TF_USE_LEGACY_KERAS"


@contextlib.contextmanager
def defaults() -> Iterator[None]:
    """Where Keras is imported, it is with its defaults.

    The environment is as before when the block ends, and Keras keeps what it
    downloads where it would have.
    """
    set_by_user = {
        name: os.environ.pop(name)
        for name in tuple(os.environ)
        if name.startswith(_PREFIX) or name == _LEGACY_SWITCH
    }
    ours = {
        "KERAS_BACKEND": _DEFAULTS["backend"],
        # A directory in which no file is found and none can be written.
        "KERAS_HOME": os.devnull,
    }
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
        os.environ.update(set_by_user)
        # Of its own settings this alone has none to set it (3.15): `get_file`
        # takes what Keras was imported with, as of
        # https://github.com/keras-team/keras/pull/16877.
        keras_config = sys.modules.get("keras.src.backend.config")
        if getattr(keras_config, "_KERAS_DIR", None) == os.devnull:
            setattr(keras_config, "_KERAS_DIR", str(home()))


def home() -> pathlib.Path:
    """Returns the directory of Keras's settings and downloads."""
    default = os.path.join("~", ".keras")
    return pathlib.Path(
        os.path.expanduser(os.environ.get("KERAS_HOME") or default)
    )


def ignored() -> list[str]:
    """Returns the settings that `defaults` keeps from Keras, in words."""
    names = ("KERAS_BACKEND", _LEGACY_SWITCH)
    usual = ("", "0", "False", "false", _DEFAULTS["backend"])
    settings = [
        f"{name}={os.environ[name]}"
        for name in names
        if os.environ.get(name, "") not in usual
    ]
    path = home() / "keras.json"
    try:
        if not path.is_file():
            return settings
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        stored = None
    if not isinstance(stored, dict):
        return [*settings, f"{path}, which cannot be read"]
    for name, default in _DEFAULTS.items():
        if stored.get(name, default) != default:
            settings.append(f"{name}={stored[name]} in {path}")
    return settings


def check() -> None:
    """Raises where Keras was imported with settings that change networks.

    Raises:
        ValueError: Names the first such setting, and how to undo it.
    """
    # Here, since all else of this module comes before Keras is imported.
    import keras

    if keras.config.backend() != _DEFAULTS["backend"]:
        raise ValueError(
            "`keras.config.backend()` must be tensorflow. Set KERAS_BACKEND="
            "tensorflow in the environment before Python starts. Received: "
            f"backend={keras.config.backend()}"
        )
    for name in ("floatx", "image_data_format"):
        value = getattr(keras.config, name)()
        if value != _DEFAULTS[name]:
            raise ValueError(
                f"`keras.config.{name}()` must be {_DEFAULTS[name]}. Call "
                f'keras.config.set_{name}("{_DEFAULTS[name]}") first, or mend '
                f"keras.json, where it may be set. Received: {name}={value}"
            )

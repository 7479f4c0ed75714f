"""Files with initial weights, as far as they can be judged without Keras."""

import os
import pathlib
import zipfile

_H5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def check_weights_path(path: str | os.PathLike[str]) -> None:
    """Raises where a file cannot hold weights; what it holds is read later.

    Args:
        path: Path of a `.keras` model or of an `.h5` file of weights.

    Raises:
        ValueError: If there is no such file, or it is of another kind.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            "`weights` must be the path of an existing file. "
            f"Received: weights={os.fspath(path)}"
        )
    if path.suffix not in (".keras", ".h5"):
        raise ValueError(
            "`weights` must be a model (.keras) or weights (.weights.h5, or "
            "a _notop.h5 of keras.applications). "
            f"Received: weights={os.fspath(path)}"
        )
    if not (_is_archive(path) if path.suffix == ".keras" else _is_h5(path)):
        raise ValueError(
            f"`weights` must be a complete file, and this is no {path.suffix} "
            f"file but by its name. Received: weights={os.fspath(path)}"
        )


def _is_archive(path: pathlib.Path) -> bool:
    return zipfile.is_zipfile(path)


def _is_h5(path: pathlib.Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_H5_SIGNATURE)) == _H5_SIGNATURE

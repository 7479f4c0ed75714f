"""Where records may be written."""

import os

from etils import epath

from disk import paths
from xray_tfds.source import errors


def check_writable(data_dir: epath.PathLike) -> None:
    """Raises SourceError where TensorFlow cannot write records."""
    path = os.fspath(data_dir)
    check_utf8("data_dir", path)
    if not paths.is_local(path) and not path.startswith("gs://"):
        raise errors.SourceError(
            "`data_dir` must be a directory that TensorFlow writes to: of this "
            "machine, or gs://BUCKET/FOLDER. Add --data_dir=DIR with one, and "
            f"copy the records from there. Received: data_dir={path}"
        )


def check_utf8(name: str, path: str) -> None:
    """Raises SourceError where TensorFlow does not know how to say a path."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise errors.SourceError(
            f"`{name}` must be a path in UTF-8: rename the directory. "
            f"Received: {name}={path!a}"
        ) from error


def check_apart(data_dir: epath.PathLike, images_dir: epath.PathLike) -> None:
    """Raises SourceError if records would be written among the images."""
    if paths.lies_within(data_dir, images_dir):
        raise errors.SourceError(
            "`data_dir` must be outside the folder of images, which holds "
            "images alone. Add --data_dir=DIR with another directory. "
            f"Received: data_dir={os.fspath(data_dir)}, images in "
            f"{os.fspath(images_dir)}"
        )

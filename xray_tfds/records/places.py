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
            f"have the records copied: --publish_dir={path} (`publish_dir` of "
            f"`xray_tfds.prepare`). Received: data_dir={path}"
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


def check_apart(
    directory: epath.PathLike,
    images_dir: epath.PathLike,
    name: str = "data_dir",
) -> None:
    """Raises SourceError if records would be written among the images.

    Args:
        directory: Where records are to be written.
        images_dir: The folder of images.
        name: Of the option that says where.
    """
    if paths.lies_within(directory, images_dir):
        raise errors.SourceError(
            f"`{name}` must be outside the folder of images, which holds "
            f"images alone. Add --{name}=DIR with another directory. "
            f"Received: {name}={os.fspath(directory)}, images in "
            f"{os.fspath(images_dir)}"
        )

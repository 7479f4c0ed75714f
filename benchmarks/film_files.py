"""The films of a folder, for benchmarks that read them."""

import pathlib

from xray_tfds.decode import images


def find(directory: str, most: int) -> list[pathlib.Path]:
    """Returns paths of films in all folders below one, evenly taken, sorted.

    Args:
        directory: Where to look.
        most: How many are returned at most.
    """
    paths = sorted(
        path
        for path in pathlib.Path(directory).rglob("*")
        if path.suffix.lower() in images.SUFFIXES
    )
    step = max(len(paths) // most, 1)
    return paths[::step][:most]

"""The files that Keras's `flow_from_directory` finds, in its order."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import os

import numpy as np
import numpy.typing as npt

from pipeline import checks
from pipeline import subsets

# Ends of file names, in lower case. No dot is required: "notapng" is taken.
ENDINGS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """What was found, under the names of Keras's iterator.

    Attributes:
        directory: Where it was found.
        filenames: Paths relative to `directory`.
        classes: `[samples]`, index of each file's class.
        class_indices: Index of each class, by name.
        num_classes: Number of classes, also of those without files.
        subset: Which part of each class was taken; None for all.
    """

    directory: str
    filenames: tuple[str, ...]
    classes: npt.NDArray[np.int32]
    class_indices: dict[str, int]
    num_classes: int
    subset: subsets.Subset | None = None

    @property
    def samples(self) -> int:
        """Number of files."""
        return len(self.filenames)

    @property
    def filepaths(self) -> tuple[str, ...]:
        """Paths of the files."""
        return tuple(os.path.join(self.directory, n) for n in self.filenames)


def list_directory(
    directory: str | os.PathLike[str],
    *,
    classes: Sequence[str] | None = None,
    follow_links: bool = False,
    subset: subsets.Subset | None = None,
    validation_split: float = 0.0,
) -> Listing:
    """Lists class folders as Keras does; its every rule, liked or not.

    Args:
        directory: Folder of class folders.
        classes: Names of the folders in the order of their indices; by default
            all folders, also hidden and empty ones, in code-point order.
        follow_links: Whether to follow links to folders below the classes.
        subset: None, "training" or "validation".
        validation_split: The share of each class, by order, that is
            "validation".

    Raises:
        ValueError: If the directory does not exist, a class is not a folder in
            it, or `subset` is unknown.
    """
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(
            "`directory` must be an existing directory. "
            f"Received: directory={directory!r}"
        )
    if subset is not None:
        checks.check_choice("subset", subset, subsets.SUBSETS)
    names = list(classes or _subfolders(directory))
    indices = {name: index for index, name in enumerate(names)}
    found = [
        (os.path.join(name, path), indices[name])
        for name in names
        for path in _class_files(directory, name, follow_links)
    ]
    filenames = [path for path, _ in found]
    labels = [label for _, label in found]
    chosen = np.arange(len(labels))
    if subset is not None:
        held_out = subsets.held_out(np.array(labels, int), validation_split)
        chosen = np.flatnonzero(held_out == (subset == "validation"))
    return Listing(
        directory=directory,
        filenames=tuple(filenames[i] for i in chosen),
        classes=np.array(labels, np.int32)[chosen],
        class_indices=indices,
        num_classes=len(names),
        subset=subset,
    )


def _subfolders(directory: str) -> list[str]:
    entries = sorted(os.listdir(directory))
    return [e for e in entries if os.path.isdir(os.path.join(directory, e))]


def _class_files(directory: str, name: str, follow_links: bool) -> list[str]:
    """Returns paths relative to a class's folder, by folder, then by name."""
    if os.path.basename(name) != name:
        raise ValueError(
            "`classes` must be folders directly in `directory`. "
            f"Received: {name!r}"
        )
    folder = os.path.join(directory, name)
    walk = os.walk(folder, followlinks=follow_links)
    return [
        os.path.relpath(os.path.join(root, file), folder)
        for root, _, files in sorted(walk, key=lambda entry: entry[0])
        for file in sorted(files)
        if file.lower().endswith(ENDINGS)
    ]

"""The files that Keras's `flow_from_directory` finds, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import logging
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import checks
from pipeline import subsets

# Ends of file names, in lower case. No dot is required: "notapng" is taken.
ENDINGS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


@dataclasses.dataclass(frozen=True, eq=False)
class Files:
    """Files of images, under the names of Keras's iterators.

    Attributes:
        directory: What their names are relative to.
        filenames: Their names.
        classes: Of each file, the index of its class, or a list of several;
            None where there are no classes.
        class_indices: Index of each class, by name; None likewise.
        subset: Which part was taken; None for all.
    """

    directory: str
    filenames: tuple[str, ...]
    classes: Any
    class_indices: dict[Any, int] | None
    subset: subsets.Subset | None

    @property
    def samples(self) -> int:
        """Number of files."""
        return len(self.filenames)

    @property
    def filepaths(self) -> tuple[str, ...]:
        """Paths of the files."""
        return tuple(os.path.join(self.directory, n) for n in self.filenames)

    @property
    def labels(self) -> npt.NDArray[np.int64] | None:
        """Class of each file; None unless each has one."""
        if self.classes is None or any(
            isinstance(c, list) for c in self.classes
        ):
            return None
        return np.array(self.classes, np.int64)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of `labels`; empty if there are none."""
        if self.class_indices is None or self.labels is None:
            return ()
        return tuple(self.class_indices)


@dataclasses.dataclass(frozen=True, eq=False)
class Listing(Files):
    """What was found in a directory.

    Attributes:
        directory: Where it was found.
        filenames: Paths relative to `directory`.
        classes: `[samples]`, index of each file's class.
        class_indices: Index of each class, by name.
        num_classes: Number of classes, also of those without files.
        subset: Which part of each class was taken; None for all.
    """

    classes: npt.NDArray[np.int32]
    class_indices: dict[str, int]
    num_classes: int


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
        ValueError: If the directory does not exist, a class is a path or is
            named twice, or `subset` is unknown.
    """
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(
            "`directory` must be an existing directory. "
            f"Received: directory={directory!r}"
        )
    if subset is not None:
        checks.check_choice("subset", subset, subsets.SUBSETS)
    folders = _subfolders(directory)
    names = as_names(classes) or folders
    _check_classes(names, folders, directory)
    indices = {name: index for index, name in enumerate(names)}
    found = list(_images(directory, names, follow_links))
    labels = np.array([indices[name] for name, _ in found], np.int32)
    chosen = np.arange(len(labels))
    if subset is not None:
        held_out = subsets.held_out(labels, validation_split)
        chosen = np.flatnonzero(held_out == (subset == "validation"))
    return Listing(
        directory=directory,
        filenames=tuple(found[i][1] for i in chosen),
        classes=labels[chosen],
        class_indices=indices,
        subset=subset,
        num_classes=len(names),
    )


def as_names(classes: Iterable[Any] | None) -> list[Any]:
    """Returns the classes that a user names; none of them if there are none.

    Raises:
        ValueError: If they are a text, of which each letter would be one.
    """
    if isinstance(classes, str):
        raise ValueError(
            "`classes` must be a sequence of names, such as "
            f"[{classes!r}]. Received: classes={classes!r}"
        )
    # An array of names has no truth.
    return [] if classes is None else list(classes)


def _check_classes(
    names: list[str], folders: list[str], directory: str
) -> None:
    """Raises ValueError for what is no class; warns of those without files."""
    for name in names:
        if os.path.basename(name) != name:
            raise ValueError(
                "`classes` must be folders directly in `directory`. "
                f"Received: {name!r}"
            )
    if len(set(names)) < len(names):
        raise ValueError(
            f"`classes` must name each folder once. Received: classes={names}"
        )
    missing = [
        name
        for name in names
        if not os.path.isdir(os.path.join(directory, name))
    ]
    if missing:
        # Keras prints how many images it has found, and warns of nothing.
        logging.warning(
            "`classes` names %s, and %s has no such folder: a class without "
            "images, as in Keras. Its folders are %s.",
            ", ".join(missing),
            directory,
            ", ".join(folders) or "none",
        )


def _subfolders(directory: str) -> list[str]:
    entries = sorted(os.listdir(directory))
    return [e for e in entries if os.path.isdir(os.path.join(directory, e))]


def _images(
    directory: str, names: Sequence[str], follow_links: bool
) -> Iterator[tuple[str, str]]:
    """Yields class and name of each image, in the order of the classes."""
    for name in names:
        for path in _files(os.path.join(directory, name), follow_links):
            yield name, os.path.join(name, path)


def _files(folder: str, follow_links: bool) -> list[str]:
    """Returns paths of images relative to `folder`, by folder, then by name."""
    walk = os.walk(folder, followlinks=follow_links)
    return [
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, names in sorted(walk, key=lambda entry: entry[0])
        for name in sorted(names)
        if name.lower().endswith(ENDINGS)
    ]

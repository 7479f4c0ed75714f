"""Folders that are no classes, and hold no films of a class.

Two kinds are left out and listed, unless `class_names` names them: those that
hold no image, and those whose name says that their images are no films, such as
`masks` or `lung_segmentations`. The latter are left out within a class as well.
Hidden folders and `__MACOSX` are never looked at (`layouts`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from etils import epath

from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images
from xray_tfds.source import files as files_lib
from xray_tfds.source import listing
from xray_tfds.source import names

if TYPE_CHECKING:
    from xray_tfds.source import tree as tree_lib

NO_IMAGES = "a folder without images"
NO_FILMS = "named like masks or annotations of films"

# A word of a folder's name, in lower case, that says that it holds no films.
_NO_FILMS_WORDS = {
    "annotation",
    "annotations",
    "label",
    "labels",
    "mask",
    "masks",
    "segmentation",
    "segmentations",
}


def why_no_class(
    tree: tree_lib.Tree, name: str, folder: epath.Path
) -> str | None:
    """Returns why a folder is no class; `None` if it may be one.

    Args:
        tree: Lists it.
        name: Of the folder.
        folder: The same, as a path.
    """
    if holds_no_films(name):
        return NO_FILMS
    return None if _holds_images(tree, folder) else NO_IMAGES


def holds_no_films(name: str) -> bool:
    """Whether a folder's name says that its images are no films."""
    words = re.split(r"[\W_]+", names.fold(name))
    return not _NO_FILMS_WORDS.isdisjoint(words)


def _holds_images(tree: tree_lib.Tree, folder: epath.Path) -> bool:
    """Whether there is an image in a folder, or what may not be listed."""
    pending = [folder]
    while pending:
        try:
            listed = tree.entries(pending.pop())
        except PermissionError:
            return True
        for entry in listed:
            if not entry.is_folder:
                is_named = entry.name.lower().endswith(images.SUFFIXES)
                if is_named or _is_image(entry):
                    return True
            elif not entry.is_link:
                pending.append(entry.path)
    return False


def _is_image(entry: listing.Entry) -> bool:
    try:
        head, _ = files_lib.read_head(entry.path, entry.stamp)
    except decode_errors.BadFile:
        return False
    return images.sniff_format(head) is not None

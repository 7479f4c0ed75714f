"""Folders and files that are no classes, and no films of a class.

Two kinds are left out and listed, unless `class_names` names them: those that
hold no image, and those whose name says that their images are no films, such as
`masks` or `lung_segmentations`. The latter are left out within a class as well,
and so are files that are named like masks of the film beside them. Hidden
folders, and those of an operating system, are never looked at (`tree`).
"""

from __future__ import annotations

from collections.abc import Sequence
import os
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
NO_FILM = "named like a mask or an annotation of the film beside it"

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

# Between the words of `leftMask`.
_NEXT_WORD = re.compile("(?<=[a-z])(?=[A-Z])")

# The first is faster, and most names have none of the words.
_NO_FILM_WORD = re.compile("annotation|label|mask|segmentation")
_NO_FILM_STEM = re.compile(
    r"(?P<film>.+?)[ _.-]+(annotation|label|mask|segmentation)s?([ _.-]*\d+)?"
)


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
    words = re.split(r"[\W_]+", names.fold(_NEXT_WORD.sub(" ", name)))
    return not _NO_FILMS_WORDS.isdisjoint(words)


def find_masks(filenames: Sequence[str]) -> set[str]:
    """Returns which files of a folder are named like masks of others in it.

    As `a_mask.png` and `a_mask_1.png` are, beside `a.png`.
    """
    meant = {
        name: match["film"]
        for name in filenames
        if _NO_FILM_WORD.search(folded := names.fold(name))
        and (match := _NO_FILM_STEM.fullmatch(os.path.splitext(folded)[0]))
    }
    if not meant:
        return set()
    films = {
        os.path.splitext(names.fold(name))[0]
        for name in filenames
        if name.lower().endswith(images.SUFFIXES)
    }
    return {name for name, film in meant.items() if film in films}


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

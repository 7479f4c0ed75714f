"""`class_names=auto`: the classes are the folders that are found.

That is each folder in the place of class folders (`layouts`), in whatever split
it is, but for those of `other_folders`. Their order is that of
`flow_from_directory`, by the code points of their names. With a table that
gives labels, its labels are the classes.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Sequence

from etils import epath

from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import layouts
from xray_tfds.source import names
from xray_tfds.source import other_folders
from xray_tfds.source import source_files
from xray_tfds.source import tables
from xray_tfds.source import tree as tree_lib

# In the place of names.
AUTO = ("auto",)


def find(
    directory: epath.PathLike, table: tables.Table | None = None
) -> tuple[str, ...]:
    """Returns the names of the classes of a source folder, sorted.

    Args:
        directory: The source folder, of this machine or of a bucket.
        table: If it has labels, they are the classes.

    Raises:
        SourceError: If there are fewer than two, or a folder is in the place of
            a class and cannot be one.
    """
    root = files_lib.to_path(directory).expanduser()
    if table is not None and table.has_labels:
        found = _unite(sorted({row.label for row in table.rows.values()}))
        if len(found) < 2:
            raise errors.SourceError(
                "`class_names` auto must find two or more labels. Received: "
                f"{table.path} with {', '.join(found)} alone"
            )
        return found
    layouts.check_root(root)
    tree = tree_lib.Tree(root)
    folders = layouts.list_folders(tree, root, ())
    splits = layouts.pick_splits(root, folders)
    parents = [folders[name] for name in splits] or [root]
    listed = [
        (name, path)
        for parent in parents
        for name, path in layouts.list_folders(tree, parent, ()).items()
    ]
    for name, path in listed:
        if names.fold(name) in layouts.SPLIT_FOLDERS:
            raise errors.SourceError(
                f"A nested second copy of the images? {path} is named like a "
                f"split, in the place of a class. Remove or rename it."
            )
    found = _unite(name for name, _ in listed)
    if len(found) < 2:
        raise errors.SourceError(_explain_too_few(tree, dict(listed)))
    return found


def describe(source: source_files.Source, class_names: Sequence[str]) -> str:
    """Returns a sentence that says which classes were found.

    Args:
        source: The files of the folder.
        class_names: As `find` returned them.
    """
    counts = collections.Counter(file.label for file in source.files)
    listed = ", ".join(f"{name} ({counts[name]:,})" for name in class_names)
    text = (
        f"class_names=auto: {len(class_names)} classes, with their images: "
        f"{listed}."
    )
    reasons = (other_folders.NO_IMAGES, other_folders.NO_FILMS)
    others = [item for item in source.ignored if item.reason in reasons]
    if others:
        left_out = ", ".join(f"{o.filename} ({o.reason})" for o in others)
        text += f" No classes: {left_out}."
    return text


def _unite(spellings: Iterable[str]) -> tuple[str, ...]:
    """Returns each name once, in its first spelling, sorted."""
    first: dict[str, str] = {}
    for name in spellings:
        first.setdefault(names.fold(name), names.compose(name))
    return tuple(sorted(first.values()))


def _explain_too_few(tree: tree_lib.Tree, found: dict[str, epath.Path]) -> str:
    left_out = ", ".join(
        f"{names.printable(name)} ({reason})"
        for name, reason in sorted(tree.ignored.items())
        if name.endswith("/")
    )
    text = (
        "`class_names` auto must find two or more class folders. Found in "
        f"{tree.root}: {', '.join(found) or 'none'}"
        f"{f', and left out: {left_out}' if left_out else ''}."
    )
    for folder in found.values():
        if len(layouts.list_folders(tree, folder, ())) > 1:
            return f"{text} Did you mean {folder}?"
    return (
        f"{text} Put the images of each class into a folder of its own, "
        f"{tree.root}/CLASS/..., or name the folders by --class_names=A,B."
    )

"""Folders of classes, perhaps within folders of splits.

Two layouts are understood, class and split names in any case, files at any
depth below a class:

    DIR/{normal,pneumonia}/...                              no splits given
    DIR/{train,val|valid|validation,test}/{normal,pneumonia}/...

`training` and `testing` are other names of `train` and `test`. Anything else is
refused with what was found and what was expected: a folder that is silently
skipped or taken for something else makes a dataset that nobody asked for. What
is left out (`other_folders`) is listed.
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import json
import shlex
from typing import Optional

from etils import epath

from disk import cells
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import names
from xray_tfds.source import other_folders
from xray_tfds.source import tree as tree_lib

# Name of a split folder, in lower case -> split.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def find_splits(
    tree: tree_lib.Tree, class_names: Sequence[str]
) -> dict[Optional[str], epath.Path]:
    """Returns the given splits as a dict of split (or `None`) to its folder.

    Raises:
        SourceError: If the folders are not those of a layout.
    """
    root = tree.root
    folders = list_folders(tree, root, class_names)
    if not folders:
        empty = "with images " if tree.subfolders(root) else ""
        raise errors.SourceError(
            f"No folders {empty}in {root}. "
            f"{_expected_layout(root, class_names)}{tree.describe_loose()}"
        )
    classes = {names.fold(name) for name in class_names}
    splits = pick_splits(root, folders)
    has_classes = any(names.fold(name) in classes for name in folders)
    unknown = {
        name: folder
        for name, folder in folders.items()
        if names.fold(name) not in classes | set(SPLIT_FOLDERS)
    }
    if not splits and not has_classes:
        raise _refuse_unknown(tree, unknown, class_names)
    # Beside splits, a folder of classes may be a split of another name.
    for folder in _find_sources(tree, unknown, () if splits else class_names):
        raise errors.SourceError(
            f"A nested second copy of the images: {folder}, beside "
            f"{', '.join(sorted(set(folders) - set(unknown)))} in {root}. "
            "Remove one of the two."
        )
    if not splits:
        return {None: root}
    expected = _expected_layout(root, class_names)
    if has_classes:
        problem = f"Both class folders and split folders in {root}"
    elif "train" not in splits.values():
        problem = f"No train folder in {root}"
    elif unknown:
        problem = f"Unknown split folder in {root}: {', '.join(unknown)}"
        expected = f"Expected: {', '.join(SPLIT_FOLDERS)}."
    else:
        return {split: folders[name] for name, split in splits.items()}
    found = ", ".join(folders)
    raise errors.SourceError(f"{problem}. Found: {found}. {expected}")


def find_classes(
    tree: tree_lib.Tree, folder: epath.Path, class_names: Sequence[str]
) -> dict[str, epath.Path]:
    """Returns the class folders as a dict of class name to its folder.

    Raises:
        SourceError: If one is missing, doubled or unknown.
    """
    folders = list_folders(tree, folder, class_names)
    by_name = collections.defaultdict(list)
    for name, path in folders.items():
        by_name[names.fold(name)].append(path)
    expected = (
        f"Expected class folders: {', '.join(class_names)} (in any case)."
    )
    remedy = explain_class_names(folders)
    classes = {}
    for label in class_names:
        paths = by_name.pop(names.fold(label), [])
        if len(paths) != 1:
            found = ", ".join(folders) or "no folders"
            problem = "Two folders for" if paths else "No folder for"
            raise errors.SourceError(
                f"{problem} the class {label!r} in {folder}. Found: {found}. "
                + expected,
                remedy,
            )
        classes[label] = paths[0]
    for paths in by_name.values():
        raise errors.SourceError(
            f"Unknown class folder: {paths[0]}. {expected}",
            f"{remedy} Or remove it.",
        )
    return classes


def walk(
    tree: tree_lib.Tree, folder: epath.Path, reserved: Iterable[str]
) -> dict[str, epath.Path]:
    """Returns name in the tree -> path of the files below a folder.

    They are in the order of `flow_from_directory`.

    Args:
        tree: Takes up what is left out.
        folder: Where to begin.
        reserved: Names, as of `names.fold`, that no folder below may have. If
            there are any, folders named like masks are left out as well:
            `CLASS/masks` beside `CLASS/images`.

    Raises:
        SourceError: If a folder has a reserved name, or `folder` may not be
            listed.
    """
    reserved = set(reserved)
    pending = [folder]
    found = []
    while pending:
        current = pending.pop()
        directory = tree.name(current)
        try:
            listed = tree.entries(current)
        except PermissionError as error:
            if current == folder:
                raise tree_lib.no_permission(folder) from error
            tree.ignore_folder(current, tree_lib.NOT_LISTED)
            continue
        for name, path, is_folder, is_link, _ in listed:
            if not is_folder:
                found.append((directory, name, path))
            elif names.fold(name) in reserved:
                raise errors.SourceError(
                    f"A nested second copy of the images? {path} is named like "
                    f"a class or a split, inside the class folder {folder}. "
                    "Remove or rename it."
                )
            elif is_link:  # As Keras: no link can make a loop.
                tree.ignore_folder(path, tree_lib.LINKED)
            elif reserved and other_folders.holds_no_films(name):
                tree.ignore_folder(path, other_folders.NO_FILMS)
            else:
                pending.append(path)
    return {
        f"{directory}/{name}" if directory else name: path
        for directory, name, path in sorted(found, key=lambda item: item[:2])
    }


def reserved_names(class_names: Iterable[str]) -> set[str]:
    """Returns the names of classes and splits, as of `names.fold`."""
    return {names.fold(name) for name in class_names} | set(SPLIT_FOLDERS)


def check_root(root: epath.Path) -> None:
    """Raises SourceError unless the source folder is there.

    That of a bucket is there if something is in it, which its listing tells.
    """
    if files_lib.is_local(root) and not root.is_dir():
        raise errors.SourceError(
            f"The image folder must be an existing directory. Received: {root}"
        )


def list_folders(
    tree: tree_lib.Tree, folder: epath.Path, class_names: Iterable[str]
) -> dict[str, epath.Path]:
    """Returns the folders of a folder that may be those of classes or splits.

    Others (`other_folders`) are left out, unless they are named like one.

    Raises:
        SourceError: If it may not be listed.
    """
    reserved = reserved_names(class_names)
    found = tree.subfolders(folder)
    for name, path in list(found.items()):
        if names.fold(name) not in reserved:
            reason = other_folders.why_no_class(tree, name, path)
            if reason is not None:
                tree.ignore_folder(found.pop(name), reason)
    return found


def pick_splits(
    root: epath.Path, folders: dict[str, epath.Path]
) -> dict[str, str]:
    """Returns name of a folder -> split."""
    splits: dict[str, str] = {}
    for name in folders:
        split = SPLIT_FOLDERS.get(names.fold(name))
        if split in splits.values():
            other = next(n for n, known in splits.items() if known == split)
            raise errors.SourceError(
                f"Two folders for the split {split!r} in {root}: {other} and "
                f"{name}. Merge them."
            )
        if split is not None:
            splits[name] = split
    return splits


def _find_sources(
    tree: tree_lib.Tree,
    folders: dict[str, epath.Path],
    class_names: Sequence[str],
) -> list[epath.Path]:
    """Returns those that hold folders of classes or splits."""
    known = reserved_names(class_names)
    return [f for f in folders.values() if tree.holds_folder(f, known)]


def _refuse_unknown(
    tree: tree_lib.Tree,
    unknown: dict[str, epath.Path],
    class_names: Sequence[str],
) -> errors.SourceError:
    found = f"Found in {tree.root}: {', '.join(unknown)}."
    sources = _find_sources(tree, unknown, class_names)
    if len(sources) == 1:
        return errors.SourceError(f"{found} Did you mean {sources[0]}?")
    if sources:
        return errors.SourceError(
            f"{found} {len(sources)} of these hold classes. Name splits train, "
            "validation and test, and put parts below the classes: "
            f"{tree.root}/CLASS/PART/..."
        )
    return errors.SourceError(
        f"{found} {_expected_layout(tree.root, class_names)}",
        explain_class_names(unknown),
    )


def explain_class_names(found: Iterable[str]) -> str:
    """Says how to build with the folders that are there as classes."""
    found = list(found)
    if len(found) < 2:
        return "The option `class_names` names other classes."
    odd = [name for name in found if not names.is_class_name(name)]
    if odd:
        listed = ", ".join(map(repr, odd))
        return (
            f"Rename {listed}: names of classes are printable, without spaces "
            "around them."
        )
    counts = collections.Counter(map(names.fold, found))
    alike = [name for name in found if counts[names.fold(name)] > 1]
    if alike:
        return (
            f"Merge {' and '.join(map(ascii, alike))}, or rename one: "
            "names of classes differ in more than case or form of Unicode."
        )
    config = json.dumps({"class_names": found}, ensure_ascii=False)
    return (
        "To take these for the classes, set `class_names`: --class_names=auto "
        f"or --class_names={shlex.quote(cells.join_names(found))} of train.py, "
        """--config='{"class_names": "auto"}' or """
        f"--config={shlex.quote(config)} of tfds build."
    )


def _expected_layout(root: epath.Path, class_names: Sequence[str]) -> str:
    classes = "{" + ",".join(class_names) + "}"
    return (
        f"Expected {root}/{classes}/... or "
        f"{root}/{{train,validation,test}}/{classes}/..."
    )

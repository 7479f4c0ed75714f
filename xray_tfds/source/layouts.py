"""Folders of classes, perhaps within folders of splits.

Two layouts are understood, class and split names in any case, files at any
depth below a class:

    DIR/{normal,pneumonia}/...                              no splits given
    DIR/{train,val|valid|validation,test}/{normal,pneumonia}/...

Anything else is refused with what was found and what was expected: a folder
that is silently skipped or taken for something else makes a dataset that
nobody asked for.
"""

import collections
import os

# Name of a split folder, in lower case -> split.
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class SourceError(ValueError):
    """A folder that cannot be turned into a dataset as it is."""


def find_splits(root, class_names):
    """Returns the given splits as a dict of split (or `None`) to its folder."""
    folders = _subfolders(root)
    if not folders:
        raise SourceError(
            f"No folders in {root}. {_expected_layout(root, class_names)}"
        )
    classes = {name.lower() for name in class_names}
    unknown = {}
    splits: dict = {}
    has_classes = False
    for name, folder in folders.items():
        if split := SPLIT_FOLDERS.get(name.lower()):
            if split in splits:
                raise SourceError(
                    f"Two folders for the split {split!r} in {root}: "
                    f"{splits[split].name} and {name}. Merge them."
                )
            splits[split] = folder
        elif name.lower() in classes:
            has_classes = True
        else:
            unknown[name] = folder
    if not splits and not has_classes:
        raise SourceError(_explain_unknown(root, unknown, class_names))
    for name, folder in unknown.items():
        if _looks_like_source(folder, class_names):
            raise SourceError(
                f"A nested second copy of the images: {folder}, beside "
                f"{', '.join(sorted(set(folders) - set(unknown)))} in {root}. "
                "Remove one of the two."
            )
    if splits and has_classes:
        raise SourceError(
            f"Both class folders and split folders in {root}: "
            f"{', '.join(folders)}. {_expected_layout(root, class_names)}"
        )
    if splits and unknown:
        raise SourceError(
            f"Unknown split folder in {root}: {', '.join(unknown)}. Expected: "
            f"{', '.join(SPLIT_FOLDERS)}."
        )
    if splits and "train" not in splits:
        raise SourceError(
            f"No train folder in {root}. Found: {', '.join(folders)}. "
            f"{_expected_layout(root, class_names)}"
        )
    return splits or {None: root}


def find_classes(folder, class_names):
    """Returns the class folders as a dict of class name to its folder."""
    by_lower_name = collections.defaultdict(list)
    for name, path in _subfolders(folder).items():
        by_lower_name[name.lower()].append(path)
    expected = (
        f"Expected class folders: {', '.join(class_names)} (in any case)."
    )
    classes = {}
    for label in class_names:
        paths = by_lower_name.pop(label.lower(), [])
        if len(paths) != 1:
            found = ", ".join(_subfolders(folder)) or "no folders"
            problem = "Two folders for" if paths else "No folder for"
            raise SourceError(
                f"{problem} the class {label!r} in {folder}. Found: {found}. "
                + expected
            )
        classes[label] = paths[0]
    for paths in by_lower_name.values():
        raise SourceError(
            f"Unknown class folder: {paths[0]}. {expected} Remove it, or name "
            "every class in the builder's `class_names`."
        )
    return classes


def walk(folder, class_names):
    """Returns the files of a class in the order of `flow_from_directory`."""
    reserved = {name.lower() for name in class_names} | set(SPLIT_FOLDERS)
    pending = [folder]
    found = []
    while pending:
        current = pending.pop()
        directory = current.as_posix()
        for path in current.iterdir():
            name = path.name
            if _is_hidden(name):
                continue
            if not path.is_dir():
                found.append((directory, name, path))
            elif name.lower() in reserved:
                raise SourceError(
                    f"A nested second copy of the images? {path} is named like "
                    f"a class or a split, inside the class folder {folder}. "
                    "Remove or rename it."
                )
            elif not os.path.islink(path):  # As Keras: no link can make a loop.
                pending.append(path)
    return [path for _, _, path in sorted(found, key=lambda item: item[:2])]


def _subfolders(folder):
    paths = [path for path in folder.iterdir() if not _is_hidden(path.name)]
    return {path.name: path for path in sorted(paths) if path.is_dir()}


def _is_hidden(name):
    return name.startswith(".") or name == "__MACOSX"


def _looks_like_source(folder, class_names):
    known = {name.lower() for name in class_names} | set(SPLIT_FOLDERS)
    return any(name.lower() in known for name in _subfolders(folder))


def _explain_unknown(root, unknown, class_names):
    found = f"Found in {root}: {', '.join(unknown)}."
    for folder in unknown.values():
        if _looks_like_source(folder, class_names):
            return f"{found} Did you mean {folder}?"
    return f"{found} {_expected_layout(root, class_names)}"


def _expected_layout(root, class_names):
    classes = "{" + ",".join(class_names) + "}"
    return (
        f"Expected {root}/{classes}/... or "
        f"{root}/{{train,validation,test}}/{classes}/..."
    )

"""`class_names=auto`: the classes are the folders that are found.

That is each folder in the place of class folders (`layouts`), in whatever split
it is, but for those of `other_folders`. Their order is that of
`flow_from_directory`, by the code points of their names. With a table that
gives labels, its labels are the classes.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import re
import shlex

from etils import epath

from disk import cells
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

# From so many classes on it is doubted that they are classes, where most have
# fewer images than give each of the splits of 80, 10 and 10 % one. Public sets
# of chest X-rays have 2 to 28 classes, of hundreds of images.
_MIN_DOUBTED_CLASSES = 10
_MIN_IMAGES = 10

_TABLE = '{"patients_csv": "TABLE.csv"}'


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
    root = files_lib.to_folder(directory)
    counts: collections.Counter[str]
    if table is not None and table.has_labels:
        labels = [row.label for row in table.rows.values()]
        found = _unite(sorted(set(labels)))
        if len(found) < 2:
            raise errors.SourceError(
                "`class_names` auto must find two or more labels. Received: "
                f"{table.path} with one label alone"
            )
        counts = collections.Counter(map(names.fold, labels))
        _refuse_patients(found, counts, table.path, is_table=True)
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
    if not splits and _are_like_splits(found):
        raise errors.SourceError(
            f"`class_names` auto finds {', '.join(found)} in {root}, which are "
            "named like splits: rename them train, validation and test. If "
            "they are classes, name them: --class_names="
            f"{shlex.quote(cells.join_names(found))}"
        )
    if len(found) < 2:
        raise errors.SourceError(_explain_too_few(tree, dict(listed)))
    counts = collections.Counter()
    for name, path in listed:
        counts[names.fold(name)] += _count_files(tree, path)
    _refuse_patients(found, counts, root)
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
    if inner := _find_common_folders(source):
        text += (
            f" All of them have folders {', '.join(inner)}: if those are the "
            "classes, put each part below its class, DIR/CLASS/PART/..."
        )
    return text


def _find_common_folders(source: source_files.Source) -> list[str]:
    """Returns the folders of which all classes hold one, if as few as classes.

    They hold most of the images, too: patients whose numbers are in all classes
    do not.
    """
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for file in source.files:
        parts = file.filename.split("/")
        counts[file.label, parts[1] if len(parts) > 2 else ""] += 1
    number = len({label for label, _ in counts})
    held = collections.Counter(folder for _, folder in counts)
    common = {name for name in held if name and held[name] == number}
    images = sum(counts[place] for place in counts if place[1] in common)
    is_few = 1 < len(common) < _MIN_DOUBTED_CLASSES
    return sorted(common) if is_few and 2 * images > len(source.files) else []


def _are_like_splits(found: Sequence[str]) -> bool:
    """Whether names tell splits, as `Train_set` and `test2` do.

    All of `test_positive` and `test_negative` are of one, and classes of it.
    """
    splits: set[str] = set()
    others: set[frozenset[str]] = set()
    for name in found:
        words = set(re.split(r"[\W_\d]+", names.fold(name)))
        named = words & layouts.SPLIT_FOLDERS.keys()
        if not named:
            return False
        splits.update(layouts.SPLIT_FOLDERS[word] for word in named)
        others.add(frozenset(words - named - {""}))
    return len(splits) > 1 or len(others) < len(found)


def _unite(spellings: Iterable[str]) -> tuple[str, ...]:
    """Returns each name once, in its first spelling, sorted."""
    first: dict[str, str] = {}
    for name in spellings:
        first.setdefault(names.fold(name), names.compose(name))
    return tuple(sorted(first.values()))


def explain_labels(table: tables.Table, filenames: Iterable[str]) -> str:
    """Says how to build with the labels of a table as classes.

    They are only named where class folders are named so. Others may be of a
    column of patients, whom no error names.

    Args:
        table: With labels, two or more.
        filenames: Relative to the source folder, of all files in it.
    """
    found = sorted({row.label for row in table.rows.values()})
    folders = set()
    for filename in filenames:
        parts = [names.fold(part) for part in filename.split("/")[:-1]]
        if parts and parts[0] in layouts.SPLIT_FOLDERS:
            del parts[0]
        folders.update(parts[:1])
    if {names.fold(label) for label in found} <= folders or len(found) < 2:
        return layouts.explain_class_names(found)
    return (
        f"The column label has {len(found)} values. If they are classes, and "
        "not patients, set `class_names`: --class_names=auto of train.py, "
        """--config='{"class_names": "auto"}' of tfds build."""
    )


def _refuse_patients(
    found: Sequence[str],
    counts: Mapping[str, int],
    place: epath.PathLike,
    *,
    is_table: bool = False,
) -> None:
    """Raises SourceError if classes are so many and small as patients are.

    Args:
        found: The classes.
        counts: Folded name -> number of files, of which `_MIN_IMAGES` are
            enough.
        place: Where they were found.
        is_table: Whether that is a table, whose values are not printed.
    """
    few = [name for name in found if counts[names.fold(name)] < _MIN_IMAGES]
    if len(found) < _MIN_DOUBTED_CLASSES or 2 * len(few) <= len(found):
        return
    example = "" if is_table else f", for example {', '.join(few[:3])}"
    spelled = "A,B" if is_table else shlex.quote(cells.join_names(few[:3]))
    raise errors.SourceError(
        f"`class_names` auto finds {len(found)} classes in {place}, of which "
        f"{len(few)} have fewer than {_MIN_IMAGES} images{example}. "
        "Are they patients? Then put each below its class, "
        "DIR/CLASS/PATIENT/..., or give the labels of the files in a table: "
        f"--builder_config='{_TABLE}' of train.py, --config='{_TABLE}' "
        "of tfds build. If they are classes, name all of them: "
        f"--class_names={spelled},..."
    )


def _count_files(tree: tree_lib.Tree, folder: epath.Path) -> int:
    """Returns how many files are below a folder, or that there are enough."""
    pending, count = [folder], 0
    while pending and count < _MIN_IMAGES:
        try:
            listed = tree.entries(pending.pop())
        except PermissionError:
            # What it holds is not known: no reason to doubt.
            return _MIN_IMAGES
        count += sum(not entry.is_folder for entry in listed)
        pending += [
            entry.path
            for entry in listed
            if entry.is_folder and not entry.is_link
        ]
    return count


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
        f"{tree.describe_loose()}"
    )
    for folder in found.values():
        if len(layouts.list_folders(tree, folder, ())) > 1:
            return f"{text} Did you mean {folder}?"
    return (
        f"{text} Put the images of each class into a folder of its own, "
        f"{tree.root}/CLASS/..., or name the folders by --class_names=A,B."
    )

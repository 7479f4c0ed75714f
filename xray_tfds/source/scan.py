"""Which files a folder holds, of which class, in which given split.

The layout of the folders says it (`layouts`), or a table does (`tables`).
"""

import collections
from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
from typing import Optional

from etils import epath

from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images
from xray_tfds.source import class_names as class_names_lib
from xray_tfds.source import digest_index
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import layouts
from xray_tfds.source import names
from xray_tfds.source import other_folders
from xray_tfds.source import patients
from xray_tfds.source import source_files
from xray_tfds.source import table_doubts
from xray_tfds.source import tables
from xray_tfds.source import tree as tree_lib

# Name relative to the source folder -> file.
_Listed = dict[str, source_files.SourceFile]

_NOT_AN_IMAGE = "not an image"
_NOT_IN_TABLE = "in no row of patients_csv"

# Why a folder with images may be left out.
_DOUBTED = (tree_lib.LINKED, tree_lib.NOT_LISTED, other_folders.NO_FILMS)

# What readers of a source raise and catch, wherever it is found.
SourceError = errors.SourceError


def scan(
    directory: epath.PathLike,
    class_names: Sequence[str],
    table: Optional[tables.Table] = None,
) -> source_files.Source:
    """As `find`, and reads all files for the fingerprint of the source."""
    return source_files.read_digests(find(directory, class_names, table))


def find(
    directory: epath.PathLike,
    class_names: Sequence[str],
    table: Optional[tables.Table] = None,
    index: Optional[digest_index.DigestIndex] = None,
) -> source_files.Source:
    """Finds the images of a source folder.

    Files that are named like images and those with the content of one are
    taken; whether they can be used is for `examine` to find out.

    Args:
        directory: The source folder, of this machine or of a bucket.
        class_names: Names of the classes, which are those of their folders.
        table: `tables.Table`; with labels it takes the place of the layout.
        index: What is known of its files; those that are as they were are not
            opened.

    Returns:
        A `Source`.

    Raises:
        SourceError: If the folder, a class or a split is missing, empty,
            doubled or unknown.
    """
    root = files_lib.to_folder(directory)
    layouts.check_root(root)
    tree = tree_lib.Tree(root)
    index = index or digest_index.DigestIndex(root)
    if table is not None and table.has_labels:
        listed, cautions = _list_table(tree, table, class_names)
    else:
        listed = _list_folders(tree, class_names)
        listed, cautions = _name_patients(tree, listed, table)
    # As text: to ask an `epath.Path` for it takes as long as to look there.
    root_name = root.as_posix().rstrip("/")
    judged = (
        _judge(name, f"{root_name}/{name}", file, tree, index)
        for name, file in listed.items()
    )
    files = [file for file in judged if file]
    _check_not_empty(listed.values(), files, tree)
    cautions += _doubt_unread_folders(tree)
    if table is not None:
        cautions += table_doubts.find_doubts(table, root, class_names)
    exports = patients.find_exports(files)
    return source_files.Source(
        root=root,
        files=tuple(
            dataclasses.replace(file, is_export=True) if i in exports else file
            for i, file in enumerate(files)
        ),
        ignored=tuple(
            source_files.Ignored(names.printable(name), reason)
            for name, reason in sorted(tree.ignored.items())
        ),
        cautions=tuple(cautions),
    )


def _list_folders(tree: tree_lib.Tree, class_names: Sequence[str]) -> _Listed:
    """Returns the files below the class folders, not read yet."""
    files = {}
    reserved = layouts.reserved_names(class_names)
    for split, folder in layouts.find_splits(tree, class_names).items():
        classes = layouts.find_classes(tree, folder, class_names)
        start = 0 if folder == tree.root else len(tree.name(folder)) + 1
        for label, below in classes.items():
            paths = layouts.walk(tree, below, reserved)
            if not paths:
                raise _no_images(label, below)
            for name, path in paths.items():
                printable = names.printable(name[start:])
                files[name] = source_files.SourceFile(
                    path, printable, label, split, stamp=tree.stamps.get(name)
                )
    return files


def _list_table(
    tree: tree_lib.Tree, table: tables.Table, class_names: Sequence[str]
) -> tuple[_Listed, list[str]]:
    """Returns the files that a table with labels names, sorted as folders."""
    labels = {names.fold(name): name for name in class_names}
    paths = layouts.walk(tree, tree.root, ())
    files: _Listed = {}
    known = [*paths, *tree.list_masks()]
    for name, row in tables.match_rows(table, tree.root, known).items():
        split = layouts.SPLIT_FOLDERS.get(names.fold(row.split))
        label = labels.get(names.fold(row.label))
        if label is None or (row.split and not split):
            raise SourceError(
                f"{table.path} must give labels of {', '.join(class_names)}"
                f" (`class_names`) and splits of "
                f"{', '.join(layouts.SPLIT_FOLDERS)}. Received: another "
                f"{'label' if label is None else 'split'} for {name}.",
                (
                    ""
                    if label
                    else class_names_lib.explain_labels(table, [*files, *paths])
                ),
            )
        path = paths.pop(name, tree.root / name)
        tree.ignored.pop(name, None)
        files[name] = source_files.SourceFile(
            path,
            names.printable(name),
            label,
            split,
            patient=row.patient,
            stamp=tree.stamps.get(name),
        )
    for path in paths.values():
        tree.ignore(path, _NOT_IN_TABLE)
    given = {file.split for file in files.values()}
    if None in given and len(given) > 1:
        raise SourceError(
            f"{table.path} must give a split for every file or for none."
        )
    if None not in given and "train" not in given:
        raise SourceError(f"{table.path} must give the split train to files.")
    order = {name: index for index, name in enumerate(class_names)}

    def place(item: tuple[str, source_files.SourceFile]) -> tuple:
        file = item[1]
        return file.split or "", order[file.label], file.filename

    return dict(sorted(files.items(), key=place)), _doubt_unnamed(
        [name for name in paths if _is_named_like_image(name)],
        len(files) + len(paths),
        "they are left out",
    )


def _name_patients(
    tree: tree_lib.Tree,
    by_name: _Listed,
    table: Optional[tables.Table],
) -> tuple[_Listed, list[str]]:
    """Returns the files with the patients that a table without labels gives."""
    if table is None:
        return by_name, []
    rows = tables.match_rows(table, tree.root, [*by_name, *tree.list_masks()])
    unused = sorted(rows.keys() - by_name)
    unnamed = [n for n in by_name if n not in rows and _is_named_like_image(n)]
    cautions = _doubt_unnamed(
        unnamed, len(by_name), "other rules say whose images they are"
    )
    if unused:
        cautions.append(
            f"patients_csv names {len(unused)} files that lie in no class "
            f"folder or are left out, for example {unused[0]}."
        )
    return {
        name: dataclasses.replace(
            file, patient=rows[name].patient if name in rows else ""
        )
        for name, file in by_name.items()
    }, cautions


def _doubt_unnamed(unnamed: list[str], total: int, outcome: str) -> list[str]:
    if not unnamed:
        return []
    return [
        f"{len(unnamed)} of {total} files are in no row of patients_csv, for "
        f"example {names.printable(unnamed[0])}: {outcome}."
    ]


def _doubt_unread_folders(tree: tree_lib.Tree) -> list[str]:
    """Returns a sentence if whole folders, not single files, are left out."""
    folders = [
        (name, reason)
        for name, reason in sorted(tree.ignored.items())
        if reason in _DOUBTED
    ]
    return [
        f"Folders that are left out: {len(folders)}, for example "
        f"{names.printable(name)}: {reason}."
        for name, reason in folders[:1]
    ]


def _judge(
    name: str,
    location: str,
    file: source_files.SourceFile,
    tree: tree_lib.Tree,
    index: digest_index.DigestIndex,
) -> Optional[source_files.SourceFile]:
    """Returns a file that is meant as an image, with its digest if known.

    That is one named like an image, or with the content of one; others are
    left out.
    """
    is_named = _is_named_like_image(name)
    try:
        stamp: Optional[files_lib.Stamp] = files_lib.look(location, file.stamp)
        entry = index.find(name, stamp)
        if entry is None and not is_named:
            data, stamp = files_lib.read_head(file.path, file.stamp)
            entry = digest_index.Entry("", _why_no_image(data))
            if entry.reason:
                index.note(name, stamp, entry)
    except decode_errors.BadFile as error:
        if is_named:
            return file  # Its reader says what is wrong with it.
        tree.ignore(file.path, error.detail)
        return None
    if entry is None:
        return file
    if entry.reason and not is_named:
        tree.ignore(file.path, entry.reason)
        return None
    return file.read_as(entry.digest, stamp)


def _is_named_like_image(name: str) -> bool:
    return name.lower().endswith(images.SUFFIXES)


def _why_no_image(head: bytes) -> str:
    """Returns why the first bytes are those of no image; empty if they are."""
    if images.sniff_format(head) is not None:
        return ""
    other = images.name_other_image(head) or images.name_other_file(head)
    return other or _NOT_AN_IMAGE


def _check_not_empty(
    listed: Iterable[source_files.SourceFile],
    files: list[source_files.SourceFile],
    tree: tree_lib.Tree,
) -> None:
    """Raises unless each class of each split that has files has images."""
    counts = collections.Counter((file.split, file.label) for file in files)
    for file in listed:
        if not counts[file.split, file.label]:
            name = tree.name(file.path)
            found = f"{names.printable(name)}: {tree.ignored[name]}"
            raise _no_images(file.label, file.path.parent, found)


def _no_images(label: str, folder: epath.Path, found: str = "") -> SourceError:
    return SourceError(
        f"No images of the class {label!r} in {folder}. Expected files with the"
        f" content of {', '.join(images.FORMATS)}."
        + (f" Found {found}." if found else "")
    )

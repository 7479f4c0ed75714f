"""Which files a folder holds, of which class, in which given split.

The layout of the folders says it (`layouts`), or a table does (`tables`).
"""

import dataclasses
import functools
import hashlib
from typing import Any
from typing import Optional

from etils import epath

from xray_tfds import parallel
from xray_tfds.decode import images
from xray_tfds.source import layouts
from xray_tfds.source import tables

# What a file is named that its owner means as an image.
_IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".ppm"),
    *(".dcm", ".dicom"),
)


# What readers of a source raise and catch, wherever it is found.
SourceError = layouts.SourceError


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """An image of the source folder.

    Attributes:
        path: Where to read it.
        filename: Posix path relative to the folder of the split, or to the
            source folder where no splits are given, such as
            `NORMAL/IM-0115-0001.jpeg`.
        label: Class name, as configured.
        split: Given split, or `None`.
        digest: Hexadecimal SHA-256 of the content; empty until it was read.
        patient: What a table says; empty without one.
    """

    path: Any
    filename: str
    label: str
    split: Optional[str]
    digest: str = ""
    patient: str = ""


@dataclasses.dataclass(frozen=True)
class Source:
    """The images of a folder.

    Attributes:
        files: Tuple of `SourceFile`, in the order of `flow_from_directory`: by
            class, then by directory, then by name.
        ignored: How many files are not images, by name and by content.
    """

    files: tuple
    ignored: int

    @functools.cached_property
    def fingerprint(self):
        """Digest of all names, classes, patients of a table, and contents."""
        digest = hashlib.sha256()
        for file in self.files:
            line = [file.split or "", file.label, file.filename, file.digest]
            if file.patient:
                line.append(file.patient)
            digest.update("\0".join(line).encode() + b"\n")
        return digest.hexdigest()


def scan(directory, class_names, table=None):
    """As `find`, and reads all files for the fingerprint of the source."""
    return read_digests(find(directory, class_names, table))


def read_digests(source):
    """Returns the source with the digests of its files."""
    digests = parallel.ordered_map(
        lambda file: hashlib.sha256(file.path.read_bytes()).hexdigest(),
        source.files,
        total=len(source.files),
        desc="Reading files",
    )
    return dataclasses.replace(
        source,
        files=tuple(
            dataclasses.replace(file, digest=digest)
            for file, digest in zip(source.files, digests)
        ),
    )


def find(directory, class_names, table=None):
    """Finds the images of a source folder.

    Files that are named like images and those with the content of one are
    taken; whether they can be used is for `intake` to find out.

    Args:
        directory: The source folder; any path that `etils.epath` understands.
        class_names: Names of the classes, which are those of their folders.
        table: `tables.Table`; with labels it takes the place of the layout.

    Returns:
        A `Source`.

    Raises:
        SourceError: If the folder, a class or a split is missing, empty,
            doubled or unknown.
    """
    root = epath.Path(directory).expanduser()
    if not root.is_dir():
        raise SourceError(
            f"The image folder must be an existing directory. Received: {root}"
        )
    if table is not None:
        tables.check_files_exist(table, root)
    if table is not None and table.has_labels:
        candidates = _list_table(root, table, class_names)
    else:
        candidates = _list_folders(root, class_names)
        if table is not None:
            candidates = [_name_patient(f, root, table) for f in candidates]
    files = [file for file in candidates if _is_meant_as_image(file)]
    _check_not_empty(candidates, files)
    return Source(files=tuple(files), ignored=len(candidates) - len(files))


def _list_folders(root, class_names):
    """Returns the files below the class folders, not read yet."""
    files = []
    for split, folder in layouts.find_splits(root, class_names).items():
        for label, below in layouts.find_classes(folder, class_names).items():
            paths = layouts.walk(below, class_names)
            if not paths:
                raise _no_images(label, below)
            # As `path.relative_to(folder)` has it, at a tenth of its time.
            start = len(below.as_posix())
            place = below.relative_to(folder).as_posix()
            files += [
                SourceFile(path, place + path.as_posix()[start:], label, split)
                for path in paths
            ]
    return files


def _list_table(root, table, class_names):
    """Returns the files that a table with labels names, sorted as folders."""
    labels = {name.lower(): name for name in class_names}
    files = []
    for name, row in table.rows.items():
        split = (
            layouts.SPLIT_FOLDERS.get(row.split.lower()) if row.split else None
        )
        if row.label.lower() not in labels or (row.split and not split):
            raise SourceError(
                f"{table.path} must give labels of {', '.join(class_names)} and"
                f" splits of {', '.join(layouts.SPLIT_FOLDERS)}. Received: "
                f"{name} with label={row.label!r}, split={row.split!r}"
            )
        label = labels[row.label.lower()]
        files.append(
            SourceFile(root / name, name, label, split, patient=row.patient)
        )
    given = {file.split for file in files}
    if None in given and len(given) > 1:
        raise SourceError(
            f"{table.path} must give a split for every file or for none."
        )
    if None not in given and "train" not in given:
        raise SourceError(f"{table.path} must give the split train to files.")
    order = {name: index for index, name in enumerate(class_names)}
    return sorted(
        files, key=lambda f: (f.split or "", order[f.label], f.filename)
    )


def _name_patient(file, root, table):
    """Returns the file with the patient that a table gives it, if it does."""
    row = table.rows.get(file.path.relative_to(root).as_posix())
    return dataclasses.replace(file, patient=row.patient) if row else file


def _is_meant_as_image(file):
    """Whether a file is named like an image, or has the content of one."""
    if file.path.suffix.lower() in _IMAGE_SUFFIXES:
        return True
    return images.sniff_format(file.path.read_bytes()) is not None


def _check_not_empty(candidates, files):
    """Raises unless each class of each split that has files has images."""
    left = {(file.split, file.label) for file in files}
    for file in candidates:
        if (file.split, file.label) not in left:
            raise _no_images(file.label, file.path.parent)


def _no_images(label, folder):
    return SourceError(
        f"No images of the class {label!r} in {folder}. Expected files with the"
        f" content of {', '.join(images.FORMATS)}."
    )

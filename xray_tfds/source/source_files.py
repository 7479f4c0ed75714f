"""The files of a source folder, and how they are read."""

import dataclasses
import functools
import hashlib
from typing import Optional

from etils import epath

from xray_tfds import parallel
from xray_tfds.decode import errors as decode_errors
from xray_tfds.source import digest_index
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib

# Bytes of the SHA-256 of a file.
DIGEST_SIZE = 32


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
        digest: Hexadecimal SHA-256 of the content; empty until it was read,
            and of a file that cannot be.
        patient: What a table says; empty without one.
        is_export: Whether its name is one that a viewer gives to files of any
            patient; see `patients.find_exports`.
        stamp: By which it is known again; `None` until it was read, but for a
            file in a bucket, whose listing tells.
    """

    path: epath.Path
    filename: str
    label: str
    split: Optional[str]
    digest: str = ""
    patient: str = ""
    is_export: bool = False
    stamp: Optional[files_lib.Stamp] = None

    def read_as(
        self, digest: str, stamp: Optional[files_lib.Stamp]
    ) -> "SourceFile":
        """Returns the file with what reading it told."""
        # `dataclasses.replace` takes twice as long, for each of all files.
        return SourceFile(
            self.path,
            self.filename,
            self.label,
            self.split,
            digest,
            self.patient,
            self.is_export,
            stamp,
        )


@dataclasses.dataclass(frozen=True)
class Ignored:
    """A file, or a folder with a slash behind it, that is not in the dataset.

    Attributes:
        filename: Posix path relative to the source folder.
        reason: Why.
    """

    filename: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Source:
    """The images of a folder.

    Attributes:
        root: The folder, absolute.
        files: In the order of `flow_from_directory`: by class, then by
            directory, then by name.
        ignored: What else lies in the folder.
        cautions: Sentences about what a table says.
    """

    root: epath.Path
    files: tuple[SourceFile, ...]
    ignored: tuple[Ignored, ...] = ()
    cautions: tuple[str, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Digest of all names, classes, patients of a table, and contents."""
        digest = hashlib.sha256()
        for file in self.files:
            line = [file.split or "", file.label, file.filename, file.digest]
            if file.patient:
                line.append(file.patient)
            digest.update("\0".join(line).encode() + b"\n")
        return digest.hexdigest()

    def is_read(self) -> bool:
        """Whether the digests of all files are known."""
        return all(file.digest for file in self.files)

    def note_digests(self, index: digest_index.DigestIndex) -> None:
        """Takes the digests of all files up into an index."""
        start = len(self.root.as_posix().rstrip("/")) + 1
        for file in self.files:
            name = file.path.as_posix()[start:]
            if file.digest:
                index.note(name, file.stamp, digest_index.Entry(file.digest))
            else:
                index.forget(name)


def read_file(file: SourceFile) -> tuple[bytes, SourceFile]:
    """Reads a file.

    Returns:
        Its content, and the file with digest and stamp.

    Raises:
        BadFile: If it cannot be read.
        SourceError: If it changed since it was listed.
    """
    data, stamp = files_lib.read(file.path, file.stamp)
    digest = hashlib.sha256(data).hexdigest()
    if file.digest not in ("", digest):
        # In a bucket, both are of the listing.
        is_local = files_lib.is_local(file.path)
        if is_local and stamp is not None and stamp == file.stamp:
            # The next build would believe the index once more.
            raise errors.SourceError(
                f"{file.path} has another content than the index beside the "
                "records says, and the size and times that it says. Read every "
                "file anew: --rehash of train.py, "
                '--config=\'{"rehash": true}\' of tfds build.'
            )
        raise changed(file)
    return data, file.read_as(digest, stamp)


def changed(file: SourceFile) -> errors.SourceError:
    """Returns the error for a file that is not as it was listed."""
    return errors.SourceError(
        f"{file.path} changed while the dataset was built. Build again."
    )


def read_digests(source: Source) -> Source:
    """Returns the source with the digests of its files.

    Only files without one are read; those that cannot be read keep none.
    """
    unread = [file for file in source.files if not file.digest]
    read = parallel.ordered_map(
        _read_digest, unread, total=len(unread), desc="Reading files"
    )
    files = tuple(file if file.digest else next(read) for file in source.files)
    return dataclasses.replace(source, files=files)


def _read_digest(file: SourceFile) -> SourceFile:
    try:
        return read_file(file)[1]
    except decode_errors.BadFile:
        return file

"""The folders of a source: listed, and what is left out noted."""

from collections.abc import Container

from etils import epath

from xray_tfds.decode import errors as decode_errors
from xray_tfds.decode import images
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import listing
from xray_tfds.source import names
from xray_tfds.source import other_folders

BESIDE = "beside the class folders"
NOT_LISTED = "no permission to list it"
_HIDDEN = "hidden"

# Folders of macOS, of a Synology (previews of all films) and of Windows.
_OF_SYSTEMS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")
LINKED = "a link to a folder, which is not followed: put the folder in place"


def is_hidden(name: str) -> bool:
    """Whether what has this name is hidden, or a folder of the system's own."""
    return name.startswith(".") or name in _OF_SYSTEMS


class Tree:
    """The folders below a root, and what is left out there, with the reason.

    Attributes:
        root: The source folder, absolute.
        ignored: Name relative to the root, of a folder with a slash behind it
            -> reason.
        stamps: Name of a file in a bucket -> its stamp in the listing.
    """

    def __init__(self, root: epath.Path) -> None:
        self.root = root
        self.ignored: dict[str, str] = {}
        self.stamps: dict[str, files_lib.Stamp] = {}
        self._start = len(root.as_posix().rstrip("/")) + 1

    def name(self, path: epath.Path) -> str:
        """Returns a path below the root relative to it."""
        # As `path.relative_to(root)` has it, at a tenth of its time.
        return path.as_posix()[self._start :]

    def ignore(self, path: epath.Path, reason: str) -> None:
        """Leaves a file out."""
        self.ignored[self.name(path)] = reason

    def ignore_folder(self, path: epath.Path, reason: str) -> None:
        """Leaves a folder out, with all that is in it."""
        self.ignored[self.name(path) + "/"] = reason

    def entries(self, folder: epath.Path) -> list[listing.Entry]:
        """Returns what is in a folder, but for hidden files and masks.

        Raises:
            PermissionError: If it may not be listed.
            SourceError: If it cannot be listed.
        """
        kept = []
        for entry in listing.list_folder(folder):
            if not is_hidden(entry.name):
                kept.append(entry)
            elif entry.is_folder:
                self.ignore_folder(entry.path, _HIDDEN)
            else:
                self.ignore(entry.path, _HIDDEN)
            if entry.stamp is not None:
                self.stamps[self.name(entry.path)] = entry.stamp
        masks = other_folders.find_masks(
            [entry.name for entry in kept if not entry.is_folder]
        )
        for entry in kept:
            if entry.name in masks:
                self.ignore(entry.path, other_folders.NO_FILM)
        return [entry for entry in kept if entry.name not in masks]

    def list_masks(self) -> list[str]:
        """Returns the files left out as masks, which a table may name."""
        reason = other_folders.NO_FILM
        return [name for name, why in self.ignored.items() if why == reason]

    def subfolders(self, folder: epath.Path) -> dict[str, epath.Path]:
        """Returns the folders of folders; the files beside them are left out.

        Raises:
            SourceError: If it may not, or cannot, be listed.
        """
        try:
            found = self.entries(folder)
        except PermissionError as error:
            raise no_permission(folder) from error
        for entry in found:
            if not entry.is_folder:
                self.ignore(entry.path, BESIDE)
        return {entry.name: entry.path for entry in found if entry.is_folder}

    def holds_folder(self, folder: epath.Path, wanted: Container[str]) -> bool:
        """Whether one of some names, as of `names.fold`, is that of a folder.

        Not where it may not be listed.
        """
        try:
            listed = self.entries(folder)
        except PermissionError:
            return False
        return any(e.is_folder and names.fold(e.name) in wanted for e in listed)

    def describe_loose(self) -> str:
        """Returns a sentence about a file that lies in the place of folders."""
        loose = [n for n, why in self.ignored.items() if why == BESIDE]
        if not loose:
            return ""
        name, stamp = loose[0], self.stamps.get(loose[0])
        try:
            head, _ = files_lib.read_head(self.root / name, stamp)
            kind = images.name_other_file(head)
        except decode_errors.BadFile as error:
            kind = error.detail
        return f" Found {names.printable(name)}{kind and f', {kind}'}."


def no_permission(folder: epath.Path) -> errors.SourceError:
    """Returns the error for a folder that may not be listed."""
    return errors.SourceError(
        f"No permission to list {folder}. Grant it, or build from a copy."
    )

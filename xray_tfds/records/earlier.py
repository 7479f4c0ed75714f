"""In which splits the patients of earlier records are, so that they stay."""

from __future__ import annotations

from collections.abc import Iterable
import json
import os
import re
from typing import Any
from typing import TYPE_CHECKING

from etils import epath

from disk import json_shapes
from xray_tfds.curate import split_assignment
from xray_tfds.records import manifest
from xray_tfds.source import errors
from xray_tfds.source import files as files_lib
from xray_tfds.source import hash_key as hash_key_lib

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

# What `splits.json` holds; older ones neither the folder nor the key.
_SPLITS = {"fingerprint": str, "source": str, "hash_key": str, "patients": {}}


def read_assignment(
    directory: epath.PathLike, hash_key: hash_key_lib.HashKey
) -> dict[str, str]:
    """Returns hashed patient -> split of earlier records; empty without any.

    Args:
        directory: Directory of the records.
        hash_key: That of the build to come.

    Raises:
        SourceError: If patients were hashed with another key: nobody would be
            found again, and many would change their splits.
    """
    splits = _read_splits(epath.Path(directory))
    key = splits.get("hash_key", "")
    if key:
        hash_key.read()
    if key and key != hash_key.fingerprint():
        raise errors.SourceError(
            f"The patients of the records in {directory} were hashed with "
            "another key than this user's, so that none can be kept in its "
            f"split. Restore that key ({hash_key_lib.VARIABLE}, or "
            "~/.config/xray_tfds/hash_key), or remove these records to divide "
            "all patients anew."
        )
    return splits.get("patients", {})


def read_hash_key(directory: epath.PathLike) -> str:
    """Returns the fingerprint of the key of records; empty if none is known.

    Raises:
        SourceError: If what they say of their patients is damaged.
    """
    return str(_read_splits(epath.Path(directory)).get("hash_key", ""))


def find_newest(
    data_dir: epath.Path,
    name: str,
    place: str,
    config: config_lib.XrayConfig,
    source_digest: str,
) -> epath.Path | None:
    """Returns the newest records of other states of a folder.

    Says so where there are some of another folder with the same name only.

    Args:
        data_dir: Where `preparation.prepare` keeps records.
        name: Name of the folder.
        place: Path of the records below `<name>-<fingerprint>`.
        config: Their options.
        source_digest: `digest_index.path_digest` of the folder.
    """
    found = [
        path
        for state in find_states(data_dir, name)
        for path in _find_kin(state / place, config)
    ]
    newest = _pick_newest(found, source_digest)
    if found and newest is None:
        print(
            f"{found[0]} holds records of another folder named {name}:"
            " their patients' splits are not taken over."
        )
    return newest


def find_kin(
    directory: epath.Path, config: config_lib.XrayConfig, source_digest: str
) -> epath.Path | None:
    """Returns the newest records of a folder beside those to be built.

    Args:
        directory: That of the latter, as TFDS names it.
        config: Their options; those of the former differ in the table at most.
        source_digest: As in `find_newest`.
    """
    return _pick_newest(_find_kin(directory, config), source_digest)


def find_states(data_dir: epath.Path, name: str) -> list[epath.Path]:
    """Returns `<data_dir>/<name>-<fingerprint>` of all states.

    The newest is the last, on a disk; buckets do not tell.
    """
    if not data_dir.is_dir():
        return []
    # No glob: in a pattern, the brackets of a folder x[1] mean something else.
    own = re.compile(re.escape(name) + "-[0-9a-f]{12}")
    found = [path for path in data_dir.iterdir() if own.fullmatch(path.name)]
    return sorted(found, key=_changed)


def find_records(
    data_dir: epath.Path, name: str, place: str
) -> list[epath.Path]:
    """Returns the records of all states of the folders of a name.

    Args:
        data_dir: As in `find_newest`, like the others.
        name: Name of the folder.
        place: Path of the records.
    """
    return [
        path / place
        for path in find_states(data_dir, name)
        if _is_there(path / place / manifest.FOLDER)
    ]


def _pick_newest(
    found: Iterable[epath.Path], source_digest: str
) -> epath.Path | None:
    """Returns the newest of the records that are of a folder."""
    own = [
        path
        for path in found
        # Records of older versions do not say where their folder was.
        if _read_splits(path).get("source", source_digest) == source_digest
    ]
    return max(own, key=_written, default=None)


def _find_kin(
    directory: epath.Path, config: config_lib.XrayConfig
) -> list[epath.Path]:
    """Returns records of the same options, but for the content of the table.

    A table has new rows where a folder has new films.
    """
    options = config.options()
    del options["patients_csv"]
    # Colour, size, interpolation; then a digest of the rest, if any.
    start = config.name.split("_")[:3]

    def is_kin(path: epath.Path) -> bool:
        if path == directory:
            return _is_there(path / manifest.FOLDER)
        return (
            path.parent.name.split("_")[:3] == start
            and _is_there(path / manifest.FOLDER)
            and _were_made_with(path, options)
        )

    home = directory.parent.parent
    beside = sorted(home.iterdir()) if home.is_dir() else []
    return [p for p in (each / directory.name for each in beside) if is_kin(p)]


def _were_made_with(directory: epath.Path, options: dict[str, Any]) -> bool:
    path = directory / "metadata.json"
    if not _is_there(path):
        return False
    try:
        found = json.loads(path.read_text())
        return all(found[name] == value for name, value in options.items())
    except (ValueError, KeyError, TypeError, RecursionError):
        return False  # Records that TFDS does not open, or of an older version.


def _changed(path: epath.Path) -> int:
    """Returns when a directory was last changed, in nanoseconds.

    0 if it is remote: buckets have no directories, and none of their times.
    """
    return os.stat(path).st_mtime_ns if files_lib.is_local(path) else 0


def _written(directory: epath.Path) -> int:
    """Returns when records were written, in nanoseconds; 0 if nobody knows."""
    if files_lib.is_local(directory):
        return _changed(directory)
    file = directory / manifest.FOLDER / manifest.SPLITS_FILE
    return file.stat().mtime * 10**9 if file.exists() else 0


def _is_there(path: epath.Path) -> bool:
    """Whether something is there; unlike `exists`, raises if nobody may look.

    Else patients whose splits cannot be read would change them.
    """
    if not files_lib.is_local(path):
        return path.exists()
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _read_splits(directory: epath.Path) -> dict:
    path = directory / manifest.FOLDER / manifest.SPLITS_FILE
    if not _is_there(path):
        return {}
    try:
        splits = json.loads(path.read_text())
        json_shapes.check(splits, _SPLITS)
        patients = splits["patients"]
        is_whole = (
            # Null is neither: patients would be divided anew without a word.
            all(splits.get(name, "") is not None for name in _SPLITS)
            and set(patients.values()) <= set(split_assignment.SPLITS)
            and split_assignment.fingerprint(patients.items())
            == splits["fingerprint"]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise errors.SourceError(
            f"{path} is damaged, so that patients would change their splits. "
            f"Restore it, or remove {directory} to divide all patients anew."
        )
    return splits

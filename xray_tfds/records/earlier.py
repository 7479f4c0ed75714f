"""In which splits the patients of earlier records are, so that they stay."""

import json
import re
from typing import Optional

from etils import epath

from xray_tfds.records import manifest
from xray_tfds.source import errors
from xray_tfds.source import hash_key as hash_key_lib


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


def find_newest(
    data_dir: epath.Path, name: str, place: str, source_digest: str
) -> Optional[epath.Path]:
    """Returns the newest records of other states of a folder.

    Says so where there are some of another folder with the same name only.

    Args:
        data_dir: Where `preparation.prepare` keeps records.
        name: Name of the folder.
        place: Path of the records below `<name>-<fingerprint>`.
        source_digest: `digest_index.path_digest` of the folder.
    """
    times = {}
    strangers = []
    for path in find_records(data_dir, name, place):
        # Records of older versions do not say where their folder was.
        if _read_splits(path).get("source", source_digest) == source_digest:
            times[path] = path.stat().mtime
        else:
            strangers.append(path)
    if strangers and not times:
        print(
            f"{strangers[0]} holds records of another folder named {name}:"
            " their patients' splits are not taken over."
        )
    return max(times, key=times.__getitem__, default=None)


def find_states(data_dir: epath.Path, name: str) -> list[epath.Path]:
    """Returns `<data_dir>/<name>-<fingerprint>` of all states, newest last."""
    if not data_dir.is_dir():
        return []
    # No glob: in a pattern, the brackets of a folder x[1] mean something else.
    own = re.compile(re.escape(name) + "-[0-9a-f]{12}")
    found = [path for path in data_dir.iterdir() if own.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.stat().mtime)


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
        if (path / place / manifest.FOLDER).is_dir()
    ]


def _read_splits(directory: epath.Path) -> dict:
    path = directory / manifest.FOLDER / manifest.SPLITS_FILE
    if not path.exists():
        return {}
    try:
        splits = json.loads(path.read_text())
        is_whole = isinstance(splits["patients"], dict)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise errors.SourceError(
            f"{path} is damaged, so that patients would change their splits. "
            f"Restore it, or remove {directory} to divide all patients anew."
        )
    return splits

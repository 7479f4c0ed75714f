"""How often a test split has been opened, by how many models.

A split that is looked at often is chosen by, and then it says nothing about new
patients. So each opening is written down before it happens, in a file beside
the records and in one in the work directory:

    ledger.jsonl   a line of JSON for each opening, in the order of writing
    ledger.head    the hash of the last line that is in all files

Each line holds the hash of the line before it and one of its own content, so a
line that was edited, removed or moved breaks the chain, for good. What is
missing at the end shows by the head; a whole file that is missing shows by the
other places, and by the number that each opening bears. This is a seal, not a
safe: who can write to all the places can forge everything.

A process may be killed between any two bytes. Then the last line is torn, or
not confirmed by the head; the split was not opened. The next line says so: it
carries the hash of the torn bytes, which stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import datetime
import os
import pathlib
from typing import Any
import uuid

from disk import lock
from evaluation import ledger_file

LOCK_FILE = "ledger.lock"


class LedgerError(ValueError):
    """A ledger that cannot be written or read; the split stays closed."""


@dataclasses.dataclass(frozen=True)
class Opening:
    """What is about to be opened, by what.

    Attributes:
        split: "test", or "external".
        data_fingerprint: Of its images and labels.
        models: SHA-256 of the weights, several of an ensemble.
        threshold: That decides; `None` with more than two classes.
        versions: Name of a program or library -> its version.
    """

    split: str
    data_fingerprint: str
    models: tuple[str, ...]
    threshold: float | None
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The openings of one split.

    Attributes:
        entries: The openings that some place knows, the earliest first: the
            fields of `Opening`, and `id`, `time` (UTC), `number` (which
            opening it is) and `places` (the directories written to).
        openings: How many there were, those included whose entry is missing.
        models: How many different models, or ensembles, they were by.
        problem: What speaks for tampering, as a sentence; `None` if nothing.
    """

    entries: tuple[dict[str, Any], ...]
    openings: int
    models: int
    problem: str | None

    @property
    def intact(self) -> bool:
        """Whether nothing speaks for tampering."""
        return self.problem is None

    def as_json(self) -> dict[str, Any]:
        """Returns all of it."""
        return {
            "openings": self.openings,
            "models": self.models,
            "intact": self.intact,
            "problem": self.problem,
            "entries": list(self.entries),
        }


def read(
    directories: Sequence[str | os.PathLike[str]], data_fingerprint: str
) -> Ledger:
    """Reads what is known of the openings of a split.

    Args:
        directories: Where the ledgers lie: that of the records, and work
            directories. Files that are not there are of no openings.
        data_fingerprint: Of the split.

    Raises:
        LedgerError: If a file cannot be read.
    """
    return _merge(_read_places(_unique(directories)), data_fingerprint)


def append(
    directories: Sequence[str | os.PathLike[str]], opening: Opening
) -> Ledger:
    """Writes an opening down, in each directory, before it happens.

    Waits while another process writes. When it returns, the entry is on disk.

    Args:
        directories: Where the ledgers lie; all exist.
        opening: The split must not be opened before this returns.

    Returns:
        All openings of this split, this one included.

    Raises:
        LedgerError: If a file cannot be written or read.
    """
    paths = _unique(directories)
    with _locked(paths):
        places = _read_places(paths)
        known = _merge(places, opening.data_fingerprint)
        now = datetime.datetime.now(datetime.timezone.utc)
        entry = {
            "id": uuid.uuid4().hex,
            "time": now.isoformat(timespec="seconds"),
            "number": known.openings + 1,
            "places": paths,
            **dataclasses.asdict(opening),
        }
        with _told(paths, "written"):
            hashes = [ledger_file.append_line(place, entry) for place in places]
            # A head confirms that a line is in all files, so it comes last.
            for place, sha256 in zip(places, hashes):
                ledger_file.write_head(place, sha256)
        return _merge(_read_places(paths), opening.data_fingerprint)


def _unique(directories: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns the real paths, each once, in the one order of locking."""
    return sorted({os.path.realpath(directory) for directory in directories})


@contextlib.contextmanager
def _told(paths: list[str], what: str) -> Iterator[None]:
    """Turns what a disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        raise LedgerError(
            f"The ledger of openings cannot be {what}: "
            f"{error.strerror or error} ({error.filename or paths}). The split"
            " stays closed until it can."
        ) from error


@contextlib.contextmanager
def _locked(paths: list[str]) -> Iterator[None]:
    """Keeps other writers out of all directories while `with` lasts."""
    with contextlib.ExitStack() as stack:
        with _told(paths, "locked"):
            for path in paths:
                stack.enter_context(
                    lock.hold(
                        os.path.join(path, LOCK_FILE),
                        f"Waiting for another evaluation to write {path}.",
                    )
                )
        yield


def _read_places(paths: list[str]) -> list[ledger_file.Place]:
    """Reads the files of all directories, as they were at one moment.

    Readers hold no lock: a directory may be one that they cannot write to. The
    heads are the last to be written, so if they stayed the same meanwhile, at
    most one line more than they confirm was read.
    """
    with _told(paths, "read"):
        while True:
            heads = [_read_file(path, ledger_file.HEAD_FILE) for path in paths]
            contents = [_read_file(path, ledger_file.FILE) for path in paths]
            if heads == [
                _read_file(path, ledger_file.HEAD_FILE) for path in paths
            ]:
                break
    return [
        ledger_file.parse(
            path, head.decode("ascii", "replace").strip(), content
        )
        for path, head, content in zip(paths, heads, contents)
    ]


def _read_file(directory: str, name: str) -> bytes:
    try:
        return pathlib.Path(directory, name).read_bytes()
    except FileNotFoundError:
        return b""


def _merge(
    places: Sequence[ledger_file.Place], data_fingerprint: str
) -> Ledger:
    """Returns the openings that any place knows, and what is odd about it."""
    entries: dict[str, dict[str, Any]] = {}
    for place in places:
        for line in place.lines:
            if line.entry["data_fingerprint"] == data_fingerprint:
                entries.setdefault(line.entry["id"], line.entry)
    ordered = sorted(entries.values(), key=lambda e: (e["time"], e["number"]))
    openings = max([len(entries), *(e["number"] for e in ordered)])
    problems = [
        *(
            ledger_file.problem_of_chain(place)
            or ledger_file.problem_of_head(place)
            for place in places
        ),
        _problem_between(places),
    ]
    if missing := openings - len(entries):
        problems.append(
            f"The entries of {missing} of {openings} openings are missing:"
            " they were removed, or the records were copied without them."
        )
    return Ledger(
        entries=tuple(ordered),
        openings=openings,
        models=len({tuple(sorted(e["models"])) for e in ordered}),
        problem=next(filter(None, problems), None),
    )


def _problem_between(places: Sequence[ledger_file.Place]) -> str | None:
    """Returns which entry is not in all places that it was written to."""
    known = {
        place.directory: {line.entry["id"]: line.entry for line in place.lines}
        for place in places
    }
    for place in places:
        for line in ledger_file.confirmed(place):
            for other in set(line.entry["places"]) & set(known):
                if known[other].get(line.entry["id"]) != line.entry:
                    return (
                        f"The opening of {line.entry['time']} that is in"
                        f" {place.path} is not, or not so, in"
                        f" {os.path.join(other, ledger_file.FILE)}: it was"
                        " removed or changed there, or that directory was made"
                        " anew."
                    )
    return None

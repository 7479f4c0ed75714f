"""One file of a ledger: lines that each seal the one before.

    {"entry": ..., "is_resumed": false, "previous": HASH, "sha256": HASH, ...}

Beside it lies the head, the hash of the last line that is certain to be in all
files of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import hashlib
import json
import os
from typing import Any

from disk import sync

FILE = "ledger.jsonl"
HEAD_FILE = "ledger.head"

# The hash before the first line.
_GENESIS = "0" * 64


@dataclasses.dataclass(frozen=True)
class Line:
    """A whole line.

    Attributes:
        entry: The opening.
        sha256: Of the rest of the line.
        previous: That of the line before.
        torn: Hash of bytes between them that are no line, or `None`.
        is_resumed: Whether the line before was not confirmed by the head.
    """

    entry: dict[str, Any]
    sha256: str
    previous: str
    torn: str | None
    is_resumed: bool


@dataclasses.dataclass(frozen=True)
class Place:
    """The files of one directory.

    Attributes:
        directory: With links resolved.
        head: Hash of the last confirmed line.
        lines: All whole lines.
        gaps: For each line, the bytes before it that are no line; and those at
            the end.
        is_ended: Whether the file ends with the end of a line, or is empty.
    """

    directory: str
    head: str
    lines: tuple[Line, ...]
    gaps: tuple[bytes, ...]
    is_ended: bool

    @property
    def path(self) -> str:
        return os.path.join(self.directory, FILE)

    @property
    def num_confirmed(self) -> int | None:
        """How many lines the head covers; `None` if it is of none of them."""
        hashes = [_GENESIS, *(line.sha256 for line in self.lines)]
        return hashes.index(self.head) if self.head in hashes else None


def parse(directory: str, head: str, content: bytes) -> Place:
    """Divides a file into lines and what is none."""
    lines: list[Line] = []
    gaps = [b""]
    for part in content.splitlines(keepends=True):
        line = _parse_line(part)
        if line is None:
            gaps[-1] += part
        else:
            lines.append(line)
            gaps.append(b"")
    return Place(
        directory,
        head or _GENESIS,
        tuple(lines),
        tuple(gaps),
        is_ended=not content or content.endswith(b"\n"),
    )


def _parse_line(data: bytes) -> Line | None:
    """Returns a line whose own hash is right, else `None`."""
    try:
        content = json.loads(data)
        sha256 = content.pop("sha256")
        entry = content["entry"]
        if sha256 != _hash(_dump(content)):
            return None
        texts = [entry["id"], entry["time"], entry["data_fingerprint"]]
        texts += [*entry["models"], *entry["places"]]
        if type(entry["number"]) is not int or not all(
            isinstance(text, str) for text in texts
        ):
            return None
        return Line(
            entry,
            sha256,
            content["previous"],
            content["torn"],
            content["is_resumed"],
        )
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def _dump(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def append_line(place: Place, entry: dict[str, Any]) -> str:
    """Writes a line after what is there, whatever it is; returns its hash."""
    torn = place.gaps[-1]
    if torn and not place.is_ended:
        torn += b"\n"
    # After a head that does not fit, the chain goes on from what it confirms:
    # so the break remains, when the head will long be another.
    is_fitting = problem_of_head(place) is None
    last = place.lines[-1].sha256 if place.lines else _GENESIS
    content = {
        "previous": last if is_fitting else place.head,
        "torn": _hash(torn) if torn else None,
        "is_resumed": is_fitting and last != place.head,
        "entry": entry,
    }
    sha256 = _hash(_dump(content))
    line = _dump({**content, "sha256": sha256}) + b"\n"
    sync.append(place.path, line if place.is_ended else b"\n" + line)
    return sha256


def problem_of_chain(place: Place) -> str | None:
    """Returns which line does not follow those before it, if one does not."""
    previous = _GENESIS
    for number, (line, gap) in enumerate(zip(place.lines, place.gaps), 1):
        torn = _hash(gap) if gap else None
        if (line.previous, line.torn) != (previous, torn):
            return (
                f"Entry {number} of {place.path} does not follow what stands"
                " before it: that was changed, removed or moved."
            )
        previous = line.sha256
    return None


def problem_of_head(place: Place) -> str | None:
    """Returns why the lines are not those that were confirmed, if so.

    One line may be unconfirmed, and more if each says so of the one before.
    """
    confirmed = place.num_confirmed
    if confirmed is None:
        return f"The last entries of {place.path} were changed or removed."
    if not all(line.is_resumed for line in place.lines[confirmed + 1 :]):
        return (
            f"{HEAD_FILE} beside {place.path} does not confirm its entries: it"
            " was changed or removed."
        )
    return None


def confirmed(place: Place) -> Iterator[Line]:
    """Yields the lines that are certain to have been in all files."""
    for index, line in enumerate(place.lines[: place.num_confirmed]):
        following = place.lines[index + 1 : index + 2]
        if not any(later.is_resumed for later in following):
            yield line


def write_head(place: Place, sha256: str) -> None:
    sync.replace(os.path.join(place.directory, HEAD_FILE), sha256.encode())

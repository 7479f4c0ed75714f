"""Files of a ledger that are changed, cut at any byte, or never finished."""

import json
import os

import pytest

from evaluation import ledger
from evaluation import ledger_file
from tests.helpers import ledgers


@pytest.fixture
def unsynced(monkeypatch):
    """Waits for no disk: a killed process loses nothing that it has written."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def _lines(place):
    return (place / ledger_file.FILE).read_bytes().splitlines(keepends=True)


def _write(place, lines):
    (place / ledger_file.FILE).write_bytes(b"".join(lines))


def _files(places):
    """Returns path -> content of all files of a ledger."""
    names = ledger_file.FILE, ledger_file.HEAD_FILE
    paths = [place / name for place in places for name in names]
    return {path: path.read_bytes() for path in paths}


def _restore(files):
    for path, content in files.items():
        path.write_bytes(content)


def _edit(lines):
    lines[1] = lines[1].replace(b'"m1"', b'"mX"')


def _edit_with_its_hash(lines):
    content = json.loads(lines[1])
    content["entry"]["models"] = ["mX"]
    del content["sha256"]
    content["sha256"] = ledger_file._hash(ledger_file._dump(content))
    lines[1] = ledger_file._dump(content) + b"\n"


def _swap(lines):
    lines[0], lines[1] = lines[1], lines[0]


_TAMPERING = {
    "edited": _edit,
    "edited_with_its_hash": _edit_with_its_hash,
    "first_removed": lambda lines: lines.pop(0),
    "middle_removed": lambda lines: lines.pop(1),
    "last_removed": lambda lines: lines.pop(),
    "all_removed": lambda lines: lines.clear(),
    "reordered": _swap,
    "repeated": lambda lines: lines.append(lines[-1]),
    "line_put_in": lambda lines: lines.insert(1, b"nothing\n"),
}


@pytest.mark.parametrize("which", [0, 1], ids=["records", "run"])
@pytest.mark.parametrize("name", _TAMPERING)
def test_tampering_is_told_then_and_for_good(places, name, which, unsynced):
    ledgers.append(places, 3)
    lines = _lines(places[which])
    _TAMPERING[name](lines)
    _write(places[which], lines)
    alone = ledger.read([places[which]], ledgers.DATA)
    both = ledger.read(places, ledgers.DATA)
    assert not alone.intact and str(places[which]) in alone.problem
    assert both.openings == 3 and not both.intact
    later = ledger.append(places, ledgers.opening("m9"))
    assert later.openings == 4 and not later.intact
    # Also without the copy that gave it away.
    assert not ledger.read([places[which]], ledgers.DATA).intact
    assert not ledger.append(places, ledgers.opening("m9")).intact


def test_removed_head_is_told_then_and_for_good(places):
    ledgers.append(places, 2)
    (places[0] / ledger_file.HEAD_FILE).unlink()
    assert "ledger.head" in ledger.read(places, ledgers.DATA).problem
    assert not ledger.append(places, ledgers.opening()).intact


def _cuts(begin, end):
    """Yields where a line may be cut: all of its ends, some of its middle."""
    yield from range(begin, begin + 40)
    yield from range(begin + 40, end - 10, 29)
    yield from range(end - 10, end + 1)


def test_file_cut_at_any_byte_is_divided_without_loss(places):
    ledgers.append(places[:1], 3)
    lines = _lines(places[0])
    content = b"".join(lines)
    ends = [len(b"".join(lines[: n + 1])) for n in range(3)]
    for size in range(len(content) + 1):
        place = ledger_file.parse("x", "", content[:size])
        # A line is whole without the byte that ends it, too.
        num_whole = sum(size >= end - 1 for end in ends)
        assert len(place.lines) == num_whole
        begin = ends[num_whole - 1] if num_whole else 0
        assert b"".join(place.gaps) == content[begin:size]


def test_file_cut_at_any_byte_is_told_and_appended_to(places, unsynced):
    records = places[0] / ledger_file.FILE
    ledgers.append(places, 2)
    files = _files(places)
    first = len(_lines(places[0])[0])
    content = files[records]
    for size in (*_cuts(0, first), *_cuts(first, len(content) - 2)):
        _restore({**files, records: content[:size]})
        assert not ledger.read(places[:1], ledgers.DATA).intact
        assert ledger.read(places, ledgers.DATA).openings == 2
        later = ledger.append(places, ledgers.opening())
        assert (later.openings, later.intact) == (3, False)


def _killed_appends(places):
    """Yields the files as an append leaves them that is killed at any byte."""
    ledgers.append(places, 2)
    files = _files(places)
    ledger.append(places, ledgers.opening("killed"))
    after = _files(places)
    # In the order of writing.
    for directory in places:
        path = directory / ledger_file.FILE
        for size in _cuts(len(files[path]), len(after[path])):
            yield {**files, path: after[path][:size]}
        files[path] = after[path]
    for directory in places:
        path = directory / ledger_file.HEAD_FILE
        files = {**files, path: after[path]}
        yield files


def test_append_killed_at_any_byte_is_no_tampering(places, unsynced):
    num_whole = set()
    for files in _killed_appends(places):
        _restore(files)
        killed = ledger.read(places, ledgers.DATA)
        assert killed.intact, killed.problem
        num_whole.add(killed.openings)
        later = ledger.append(places, ledgers.opening("later"))
        assert later.intact, later.problem
        assert later.openings == killed.openings + 1
        # Nothing of what was there is gone.
        for directory in places:
            path = directory / ledger_file.FILE
            assert path.read_bytes().startswith(files[path])
    assert num_whole == {2, 3}


def test_append_killed_after_a_killed_append_is_no_tampering(places):
    records, run = places
    ledgers.append(places, 2)
    head = (records / ledger_file.HEAD_FILE).read_bytes()
    for size in (40, 5):
        lines = len((records / ledger_file.FILE).read_bytes())
        ledger.append(places, ledgers.opening("killed"))
        for place in places:
            (place / ledger_file.HEAD_FILE).write_bytes(head)
            content = (place / ledger_file.FILE).read_bytes()
            (place / ledger_file.FILE).write_bytes(content[: lines + size])
        assert ledger.read(places, ledgers.DATA).intact
    # Whole lines that the head has never confirmed, two in a row.
    for _ in range(2):
        ledger.append(places, ledgers.opening("killed"))
        for place in places:
            (place / ledger_file.HEAD_FILE).write_bytes(head)
    result = ledger.append(places, ledgers.opening("later"))
    assert result.intact, result.problem
    assert result.openings == 5


def test_torn_bytes_that_are_changed_later_are_told(places):
    ledgers.append(places, 1)
    records = places[0] / ledger_file.FILE
    records.write_bytes(records.read_bytes() + b'{"entry": ')
    assert ledger.append(places, ledgers.opening()).intact
    records.write_bytes(records.read_bytes().replace(b'{"entry": \n', b""))
    assert not ledger.read(places, ledgers.DATA).intact


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\n",
        b"null\n",
        b"[]\n",
        b'{"sha256": 1, "entry": {}}\n',
        b"[" * 10_000 + b"\n",
        b"\0" * 5000,
    ],
    ids=["not_utf8", "null", "list", "no_hash", "deep", "zeros"],
)
def test_foreign_bytes_are_kept_and_end_in_no_error(places, line):
    ledgers.append(places, 1)
    path = places[0] / ledger_file.FILE
    path.write_bytes(path.read_bytes() + line)
    assert ledger.append(places, ledgers.opening()).openings == 2
    assert line in path.read_bytes()

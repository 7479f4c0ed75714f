"""What the ledger remembers, whoever is killed and whatever is changed."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from evaluation import ledger
from evaluation import ledger_file
from tests.helpers import processes

_DATA = "d" * 64


def _opening(model="m1", *, data=_DATA):
    return ledger.Opening(
        split="test",
        data_fingerprint=data,
        models=(model,),
        threshold=0.5,
        versions={"numpy": "1"},
    )


@pytest.fixture
def places(tmp_path):
    """The directory of the records, and that of a run."""
    directories = tmp_path / "records", tmp_path / "run"
    for directory in directories:
        directory.mkdir()
    return directories


@pytest.fixture
def unsynced(monkeypatch):
    """Waits for no disk: a killed process loses nothing that it has written."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def _append(places, count):
    for number in range(count):
        result = ledger.append(places, _opening(f"m{number}"))
    return result


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


def test_openings_are_counted_for_each_split(places, tmp_path):
    records, run = places
    other_run = tmp_path / "other"
    other_run.mkdir()
    assert ledger.read(places, _DATA).openings == 0
    ledger.append(places, _opening("m1"))
    ledger.append(places, _opening("m1", data="e" * 64))
    ledger.append([records, other_run], _opening("m2"))
    result = ledger.append(places, _opening("m1"))
    assert (result.openings, result.models) == (3, 2)
    assert result.intact and result.problem is None
    assert result == ledger.read(places, _DATA)
    assert [entry["number"] for entry in result.entries] == [1, 2, 3]
    assert result.entries[0]["threshold"] == 0.5
    assert result.entries[0]["time"].endswith("+00:00")
    # An entry that is in both places is one opening.
    assert ledger.read([run], "e" * 64).openings == 1


def test_result_is_json(places):
    result = _append(places, 2).as_json()
    assert result == json.loads(json.dumps(result))
    assert set(result) == {
        *("openings", "models", "intact", "problem", "entries"),
    }


def test_ensemble_is_one_model_in_any_order(places):
    for models in (("a", "b"), ("b", "a"), ("a",)):
        opening = ledger.Opening("test", _DATA, models, None, {})
        result = ledger.append(places, opening)
    assert (result.openings, result.models) == (3, 2)


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
    _append(places, 3)
    lines = _lines(places[which])
    _TAMPERING[name](lines)
    _write(places[which], lines)
    alone = ledger.read([places[which]], _DATA)
    both = ledger.read(places, _DATA)
    assert not alone.intact and str(places[which]) in alone.problem
    assert both.openings == 3 and not both.intact
    later = ledger.append(places, _opening("m9"))
    assert later.openings == 4 and not later.intact
    # Also without the copy that gave it away.
    assert not ledger.read([places[which]], _DATA).intact
    assert not ledger.append(places, _opening("m9")).intact


@pytest.mark.parametrize("which", [0, 1], ids=["records", "run"])
@pytest.mark.parametrize("count", [1, 3])
def test_removed_ledger_is_told_by_the_other_place(places, which, count):
    _append(places, count)
    shutil.rmtree(places[which])
    places[which].mkdir()
    result = ledger.read(places, _DATA)
    assert result.openings == count
    assert f"not so, in {places[which]}" in result.problem
    assert not ledger.append(places, _opening()).intact


def test_removed_ledger_is_told_by_numbers_to_who_was_not_there(
    places, tmp_path
):
    records, run = places
    _append(places, 2)
    for path in records.iterdir():
        path.unlink()
    ledger.append(places, _opening())
    other_run = tmp_path / "other"
    other_run.mkdir()
    result = ledger.append([records, other_run], _opening("m9"))
    assert result.openings == 4
    assert "2 of 4 openings are missing" in result.problem


def test_removed_head_is_told_then_and_for_good(places):
    _append(places, 2)
    (places[0] / ledger_file.HEAD_FILE).unlink()
    assert "ledger.head" in ledger.read(places, _DATA).problem
    assert not ledger.append(places, _opening()).intact


def _cuts(begin, end):
    """Yields where a line may be cut: all of its ends, some of its middle."""
    yield from range(begin, begin + 40)
    yield from range(begin + 40, end - 10, 29)
    yield from range(end - 10, end + 1)


def test_file_cut_at_any_byte_is_divided_without_loss(places):
    _append(places[:1], 3)
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
    _append(places, 2)
    files = _files(places)
    first = len(_lines(places[0])[0])
    content = files[records]
    for size in (*_cuts(0, first), *_cuts(first, len(content) - 2)):
        _restore({**files, records: content[:size]})
        assert not ledger.read(places[:1], _DATA).intact
        assert ledger.read(places, _DATA).openings == 2
        later = ledger.append(places, _opening())
        assert (later.openings, later.intact) == (3, False)


def _killed_appends(places):
    """Yields the files as an append leaves them that is killed at any byte."""
    _append(places, 2)
    files = _files(places)
    ledger.append(places, _opening("killed"))
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
        killed = ledger.read(places, _DATA)
        assert killed.intact, killed.problem
        num_whole.add(killed.openings)
        later = ledger.append(places, _opening("later"))
        assert later.intact, later.problem
        assert later.openings == killed.openings + 1
        # Nothing of what was there is gone.
        for directory in places:
            path = directory / ledger_file.FILE
            assert path.read_bytes().startswith(files[path])
    assert num_whole == {2, 3}


def test_append_killed_after_a_killed_append_is_no_tampering(places):
    records, run = places
    _append(places, 2)
    head = (records / ledger_file.HEAD_FILE).read_bytes()
    for size in (40, 5):
        lines = len((records / ledger_file.FILE).read_bytes())
        ledger.append(places, _opening("killed"))
        for place in places:
            (place / ledger_file.HEAD_FILE).write_bytes(head)
            content = (place / ledger_file.FILE).read_bytes()
            (place / ledger_file.FILE).write_bytes(content[: lines + size])
        assert ledger.read(places, _DATA).intact
    # Whole lines that the head has never confirmed, two in a row.
    for _ in range(2):
        ledger.append(places, _opening("killed"))
        for place in places:
            (place / ledger_file.HEAD_FILE).write_bytes(head)
    result = ledger.append(places, _opening("later"))
    assert result.intact, result.problem
    assert result.openings == 5


def test_torn_bytes_that_are_changed_later_are_told(places):
    _append(places, 1)
    records = places[0] / ledger_file.FILE
    records.write_bytes(records.read_bytes() + b'{"entry": ')
    assert ledger.append(places, _opening()).intact
    records.write_bytes(records.read_bytes().replace(b'{"entry": \n', b""))
    assert not ledger.read(places, _DATA).intact


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
    _append(places, 1)
    path = places[0] / ledger_file.FILE
    path.write_bytes(path.read_bytes() + line)
    assert ledger.append(places, _opening()).openings == 2
    assert line in path.read_bytes()


_WRITE = """
import sys
from evaluation import ledger
records, run, count = sys.argv[1:]
print("ready", flush=True)
for number in range(int(count)):
    opening = ledger.Opening("test", "d" * 64, (run,), 0.5, {})
    result = ledger.append([records, run], opening)
    print(result.openings, result.problem, flush=True)
"""


def _start(records, run, count):
    return subprocess.Popen(
        [sys.executable, "-c", _WRITE, records, run, str(count)],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_eight_processes_that_write_at_once_lose_nothing(tmp_path):
    records = tmp_path / "records"
    runs = [tmp_path / f"run{number}" for number in range(8)]
    for directory in (records, *runs):
        directory.mkdir()
    writers = [_start(records, run, 20) for run in runs]
    with processes.ended_after(*writers):
        outputs = [writer.stdout.read() for writer in writers]
    counts = []
    for output in outputs:
        rows = output.splitlines()
        openings = (row for row in rows if row[0].isdigit())
        counts += [row.split(maxsplit=1) for row in openings]
    assert {problem for _, problem in counts} == {"None"}
    assert sorted(int(count) for count, _ in counts) == list(range(1, 161))
    result = ledger.read([records, *runs], _DATA)
    assert (result.openings, result.models) == (160, 8)
    assert result.intact, result.problem


def test_killed_writers_leave_a_ledger_that_goes_on(places):
    records, run = places
    promised = 0
    for number in range(4):
        writer = _start(records, run, 1000)
        with processes.ended_after(writer):
            assert writer.stdout.readline() == "ready\n"
            for _ in range(number):
                writer.stdout.readline()
            writer.kill()
            rest = writer.stdout.read().splitlines()
        written = ledger.read(places, _DATA)
        assert written.intact, written.problem
        promised += number + len([row for row in rest if "None" in row])
        # One entry may be there whose writer was killed before it said so.
        assert promised <= written.openings <= promised + number + 1
    assert ledger.append(places, _opening()).intact


def test_directory_that_cannot_be_written_is_named(places):
    missing = places[0] / "none"
    with pytest.raises(ledger.LedgerError, match="stays closed") as error:
        ledger.append([missing, places[1]], _opening())
    assert str(missing) in str(error.value)
    assert ledger.read(places, _DATA).openings == 0


def test_ledger_that_cannot_be_read_is_named(places):
    (places[1] / ledger_file.FILE).mkdir()
    with pytest.raises(ledger.LedgerError, match="cannot be read") as error:
        ledger.append(places, _opening())
    assert ledger_file.FILE in str(error.value)

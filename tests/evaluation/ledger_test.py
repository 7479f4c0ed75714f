"""What the ledger knows, whoever writes to it and whatever is removed."""

import json
import shutil
import subprocess
import sys

import pytest

from evaluation import ledger
from evaluation import ledger_file
from tests.helpers import ledgers
from tests.helpers import processes


def test_openings_are_counted_for_each_split(places, tmp_path):
    records, run = places
    other_run = tmp_path / "other"
    other_run.mkdir()
    assert ledger.read(places, ledgers.DATA).openings == 0
    ledger.append(places, ledgers.opening("m1"))
    ledger.append(places, ledgers.opening("m1", data="e" * 64))
    ledger.append([records, other_run], ledgers.opening("m2"))
    result = ledger.append(places, ledgers.opening("m1"))
    assert (result.openings, result.models) == (3, 2)
    assert result.intact and result.problem is None
    assert result == ledger.read(places, ledgers.DATA)
    assert [entry["number"] for entry in result.entries] == [1, 2, 3]
    assert result.entries[0]["threshold"] == 0.5
    assert result.entries[0]["time"].endswith("+00:00")
    # An entry that is in both places is one opening.
    assert ledger.read([run], "e" * 64).openings == 1


def test_result_is_json(places):
    result = ledgers.append(places, 2).as_json()
    assert result == json.loads(json.dumps(result))
    assert set(result) == {
        *("openings", "models", "intact", "problem", "entries"),
    }


def test_ensemble_is_one_model_in_any_order(places):
    for models in (("a", "b"), ("b", "a"), ("a",)):
        opening = ledger.Opening("test", ledgers.DATA, models, None, {})
        result = ledger.append(places, opening)
    assert (result.openings, result.models) == (3, 2)


@pytest.mark.parametrize("which", [0, 1], ids=["records", "run"])
@pytest.mark.parametrize("count", [1, 3])
def test_removed_ledger_is_told_by_the_other_place(places, which, count):
    ledgers.append(places, count)
    shutil.rmtree(places[which])
    places[which].mkdir()
    result = ledger.read(places, ledgers.DATA)
    assert result.openings == count
    assert f"not so, in {places[which]}" in result.problem
    assert not ledger.append(places, ledgers.opening()).intact


def test_removed_ledger_is_told_by_numbers_to_who_was_not_there(
    places, tmp_path
):
    records, run = places
    ledgers.append(places, 2)
    for path in records.iterdir():
        path.unlink()
    ledger.append(places, ledgers.opening())
    other_run = tmp_path / "other"
    other_run.mkdir()
    result = ledger.append([records, other_run], ledgers.opening("m9"))
    assert result.openings == 4
    assert "2 of 4 openings are missing" in result.problem


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
    result = ledger.read([records, *runs], ledgers.DATA)
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
        written = ledger.read(places, ledgers.DATA)
        assert written.intact, written.problem
        promised += number + len([row for row in rest if "None" in row])
        # One entry may be there whose writer was killed before it said so.
        assert promised <= written.openings <= promised + number + 1
    assert ledger.append(places, ledgers.opening()).intact


def test_directory_that_cannot_be_written_is_named(places):
    missing = places[0] / "none"
    with pytest.raises(ledger.LedgerError, match="stays closed") as error:
        ledger.append([missing, places[1]], ledgers.opening())
    assert str(missing) in str(error.value)
    assert ledger.read(places, ledgers.DATA).openings == 0


def test_ledger_that_cannot_be_read_is_named(places):
    (places[1] / ledger_file.FILE).mkdir()
    with pytest.raises(ledger.LedgerError, match="cannot be read") as error:
        ledger.append(places, ledgers.opening())
    assert ledger_file.FILE in str(error.value)

"""Directories of runs and the files in them."""

import json
import math
import os

import pytest

from training.workdir import atomic
from training.workdir import directory as directory_lib
from training.workdir import metrics_file


def create(path, **kwargs):
    """Opens a directory and lets go of it; returns its path."""
    directory = directory_lib.open_directory(
        path, matches=lambda run: False, **kwargs
    )
    directory.close()
    return directory.path


def test_open_makes_the_directory_asked_for(tmp_path):
    path = create(tmp_path / "a" / "b")
    assert path == tmp_path / "a" / "b" and path.is_dir()


def test_open_names_new_directories_by_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {create(None) for _ in range(3)}
    assert len(paths) == 3
    assert all(path.is_dir() for path in paths)
    assert {str(path.parent) for path in paths} == {"runs"}


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "model.keras", "flags.flagfile", "tensorboard"]
)
def test_open_refuses_files_of_a_run_without_its_own(name, tmp_path):
    (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=rf"\({name}\).*workdir={tmp_path}"):
        create(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_open_takes_a_directory_with_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    assert create(tmp_path) == tmp_path


def test_open_refuses_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(ValueError, match=f"be a directory.*workdir={path}"):
        create(path)


def test_check_creates_nothing(tmp_path):
    directory_lib.check(tmp_path / "new")
    directory_lib.check(None)
    assert os.listdir(tmp_path) == []


def test_replacing_keeps_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with atomic.replacing(path) as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_replacing_leaves_the_old_file_on_an_error(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_metrics_are_json_line_by_line_with_null_for_nan(tmp_path):
    records = [{"epoch": 1, "auc": math.nan}, {"epoch": 2, "auc": 0.1 + 0.2}]
    metrics_file.write_metrics(tmp_path, records)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1, "auc": None},
        {"epoch": 2, "auc": 0.1 + 0.2},
    ]
    assert "NaN" not in lines[0]


def test_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="can be written to.*workdir="):
        create(tmp_path / "file" / "run")


def test_never_takes_the_first_number_that_is_free(tmp_path):
    for name in ("run", "run-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    assert create(tmp_path / "run", resume="never") == tmp_path / "run-3"


def write_run(path, **fields):
    """Writes an unfinished run, with fields of one's own."""
    path.mkdir(parents=True)
    run = {"settings": {}, "data": "x", "finished": None, **fields}
    (path / "run.json").write_text(json.dumps(run))


BAD_RUNS = {
    "empty": "",
    "half": '{"settings": {',
    "list": "[]",
    "number": "3",
    "deep": "[" * 10**5,
    "bytes": "\udcff",
    "nothing": "{}",
    "settings": '{"settings": [], "data": "", "finished": null}',
    "finished": '{"settings": {}, "data": "", "finished": "yes"}',
    "version": (
        '{"settings": {}, "data": "", "finished": null, "format": "one"}'
    ),
    "newer": '{"settings": {}, "data": "", "finished": null, "format": 99}',
}


@pytest.mark.parametrize("text", BAD_RUNS.values(), ids=BAD_RUNS)
def test_damaged_run_is_skipped_with_a_caution_and_refused_by_name(
    text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "a")
    bad = tmp_path / "runs" / "b" / "run.json"
    bad.parent.mkdir()
    bad.write_text(text, errors="surrogateescape")
    found = directory_lib.open_directory(None, matches=lambda run: True)
    found.close()
    # The whole one, which is older.
    assert found.path.name == "a"
    (notice,) = found.notices
    assert notice.startswith("Skipped a run: ") and "b/run.json" in notice
    with pytest.raises(ValueError, match="b/run.json.*--resume=never"):
        create(bad.parent)
    # Nothing holds on to it.
    assert not directory_lib.is_in_use(bad.parent)
    assert create(bad.parent, resume="never").name == "b-2"


def test_run_of_a_newer_version_says_so(tmp_path):
    write_run(tmp_path / "run", format=2)
    with pytest.raises(ValueError, match="newer version .*reads up to 1"):
        create(tmp_path / "run")


def test_run_that_another_process_works_in_is_not_resumed(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "a")
    busy = directory_lib.RunDirectory(tmp_path / "runs" / "a")
    assert directory_lib.is_in_use(busy.path)
    assert create(None) != busy.path
    busy.close()
    assert not directory_lib.is_in_use(busy.path)


@pytest.mark.parametrize("name", ["metrics.jsonl", "model.keras"])
def test_results_without_checkpoints_are_not_overwritten(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs" / "a"
    write_run(path)
    (path / name).write_text("x")
    with pytest.raises(ValueError, match=f"{name}.*checkpoints.*=never"):
        create(path)
    # Where no directory was asked for, another one is taken.
    found = directory_lib.open_directory(None, matches=lambda run: True)
    found.close()
    assert found.path.name != "a" and "Skipped a run" in found.notices[0]
    (path / "checkpoints" / "checkpoint-000001").mkdir(parents=True)
    assert create(path) == path


def test_name_that_no_file_system_takes_is_refused_in_words(tmp_path):
    path = tmp_path / ("x" * 300)
    for function in (directory_lib.check, create, directory_lib.is_in_use):
        with pytest.raises(ValueError, match="File name too long.*workdir="):
            function(path)

"""Directories of runs and the files in them."""

import json
import math
import os

import pytest

from training import workdir


def test_create_makes_the_directory_asked_for(tmp_path):
    path = workdir.create(tmp_path / "a" / "b")
    assert path == tmp_path / "a" / "b" and path.is_dir()


def test_create_names_new_directories_by_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {workdir.create(None) for _ in range(3)}
    assert len(paths) == 3
    assert all(path.is_dir() for path in paths)
    assert {str(path.parent) for path in paths} == {"runs"}


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "model.keras", "flags.flagfile", "tensorboard"]
)
def test_create_refuses_a_directory_with_a_run(name, tmp_path):
    (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=rf"\({name}\).*workdir={tmp_path}"):
        workdir.create(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_create_takes_a_directory_with_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    assert workdir.create(tmp_path) == tmp_path


def test_create_refuses_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(ValueError, match=f"be a directory.*workdir={path}"):
        workdir.create(path)


def test_check_creates_nothing(tmp_path):
    workdir.check(tmp_path / "new")
    workdir.check(None)
    assert os.listdir(tmp_path) == []


def test_replacing_keeps_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with workdir.replacing(path) as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_replacing_leaves_the_old_file_on_an_error(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with workdir.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_metrics_are_json_line_by_line_with_null_for_nan(tmp_path):
    workdir.append_metrics(tmp_path, {"epoch": 1, "auc": math.nan})
    workdir.append_metrics(tmp_path, {"epoch": 2, "auc": 0.1 + 0.2})
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"epoch": 1, "auc": None},
        {"epoch": 2, "auc": 0.1 + 0.2},
    ]
    assert "NaN" not in lines[0]

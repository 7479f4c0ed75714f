"""Openings are counted by films and models, whichever way they are opened."""

import json
import shutil
import types

import numpy as np
import pytest

from evaluation import assessment
from evaluation import ledger_file
from evaluation import thresholds
from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import external
from inference import openings
from inference import records
from tests.helpers import trained_runs


@pytest.fixture
def other(second, tmp_path):
    return str(shutil.copytree(second, tmp_path / "second"))


def model(*workdirs):
    point = assessment.OperatingPoint((), thresholds.HALF, None)
    return ensemble_lib.Ensemble([str(path) for path in workdirs]), point


def lines(directory):
    text = (directory / ledger_file.FILE).read_text()
    return [json.loads(line)["entry"] for line in text.splitlines()]


def counts(ledger):
    return ledger["openings"], ledger["models"], ledger["intact"]


def home(models, data_dir):
    run = models[0][0].runs[0]
    return records.find_home(records.open_builder(run, data_dir))


def test_openings_and_models_are_counted(workdir, other, data_dir):
    one, two = model(workdir), model(other)
    assert counts(openings.note_test([one], data_dir)) == (1, 1, True)
    assert counts(openings.note_test([one], data_dir)) == (2, 1, True)
    assert counts(openings.note_test([two], data_dir)) == (3, 2, True)
    both = model(workdir, other)
    assert counts(openings.note_test([both], data_dir)) == (4, 3, True)
    # Beside the records stand all, in a run its own.
    assert len(lines(home([one], data_dir))) == 4
    assert len(lines(workdir)) == 3
    first = lines(workdir)[0]
    assert first["split"] == "test" and first["models"] == [*one[0].digests]


def test_model_that_is_compared_opens_it_too(workdir, other, data_dir):
    one, two = model(workdir), model(other)
    assert counts(openings.note_test([one, two], data_dir)) == (2, 2, True)
    # With itself, it is one model that looks once.
    assert counts(openings.note_test([one, one], data_dir)) == (3, 2, True)


def test_tampering_is_told_whoever_is_compared(workdir, other, data_dir):
    one, two = model(workdir), model(other)
    openings.note_test([one], data_dir)
    (workdir / ledger_file.FILE).write_text("")
    found = openings.note_test([one, two], data_dir)
    assert not found["intact"] and str(workdir) in found["problem"]


def test_records_without_their_directories_keep_their_ledger(
    workdir, data_dir, tmp_path
):
    one = model(workdir)
    builder = records.open_builder(one[0].runs[0], data_dir)
    alone = shutil.copytree(builder.data_dir, tmp_path / "alone")
    openings.note_test([one], str(alone))
    assert len(lines(alone)) == 1
    assert not (tmp_path / ledger_file.FILE).exists()


def test_other_test_split_is_refused_and_not_noted(
    workdir, other, data_dir, monkeypatch
):
    one, two = model(workdir), model(other)
    fingerprint = records.source_fingerprint
    found = iter(["a", "b"])
    monkeypatch.setattr(records, "source_fingerprint", lambda rows: next(found))
    with pytest.raises(ValueError, match="same test split.*second"):
        openings.note_test([one, two], data_dir)
    monkeypatch.setattr(records, "source_fingerprint", fingerprint)
    assert counts(openings.note_test([one], data_dir)) == (1, 1, True)


@pytest.fixture
def folder(tmp_path):
    """Films that are nobody's."""
    names = [
        *(f"normal/P1{index}.png" for index in range(4)),
        *(f"pneumonia/P2{index}.png" for index in range(4)),
    ]
    trained_runs.write_films(tmp_path / "clinic", names, seed=77)
    return tmp_path / "clinic"


def note_folder(folder, models, data_dir):
    opened = [
        (run, external.open_folder(run, folder, records_dir=data_dir))
        for ensemble, _ in models
        for run in ensemble.runs
    ]
    return openings.note_folder(opened, models, data_dir)


def test_folder_is_counted_by_its_films(workdir, data_dir, folder):
    one = model(workdir)
    assert counts(note_folder(folder, [one], data_dir)) == (1, 1, True)
    moved = folder.rename(folder.with_name("renamed"))
    assert counts(note_folder(moved, [one], data_dir)) == (2, 1, True)
    assert [entry["split"] for entry in lines(workdir)] == ["external"] * 2
    # That says nothing of the test split.
    assert counts(openings.note_test([one], data_dir)) == (1, 1, True)


def test_folder_of_the_test_films_opens_the_test_split(
    workdir, data_dir, trained, folder
):
    root, _ = trained
    one = model(workdir)
    openings.note_test([one], data_dir)
    # The very films of the split are the same set, opened once more.
    found = note_folder(root / "films/test", [one], data_dir)
    assert counts(found) == (2, 1, True)
    # Among others they are two sets.
    for path in (root / "films/test/normal").iterdir():
        shutil.copy(path, folder / "normal")
    assert counts(note_folder(folder, [one], data_dir)) == (1, 1, True)
    assert counts(openings.note_test([one], data_dir)) == (4, 1, True)


@pytest.mark.parametrize("is_folder", [True, False])
def test_images_that_are_not_the_same_for_all_runs_are_refused_before(
    is_folder, tmp_path, monkeypatch
):
    """As of records that keep duplicates, and others that do not."""
    keys = {"one": ["a.png", "b.png"], "two": ["a.png"], "three": ["a.png"]}
    runs = [types.SimpleNamespace(workdir=name) for name in (*keys, "unlisted")]
    monkeypatch.setattr(
        examples_lib, "check_listed", lambda run, *_: keys.get(run.workdir, [])
    )
    options = {"split": "test", "final": True}
    if is_folder:
        options = {"images_dir": str(tmp_path)}
        keys["unlisted"] = ["a.png"]

    def check(*chosen):
        openings.check(
            config_lib.EvaluateConfig(**options),
            [(types.SimpleNamespace(runs=(run,)), None) for run in chosen],
            None,
            lambda run: types.SimpleNamespace(
                keys=np.array(keys[run.workdir]), tested_images=0
            ),
        )

    check(*runs[1:])
    with pytest.raises(ValueError, match="of two have .* of one: b.png is in"):
        check(*runs)

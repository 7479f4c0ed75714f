"""From runs to evidence; `tests/evaluate_test.py` has a process of its own."""

import csv
import json

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation import ledger_file
from evaluation import score_table
from inference import config as config_lib
from inference import evidence
from inference import examples as examples_lib
from inference import records
from inference import runs as runs_lib
from inference import scoring
from tests.helpers import file_access
from tests.helpers import trained_runs
from training.config import options
from xray_tfds.records import manifest


def evaluate(workdir, **flags):
    path = evidence.evaluate(
        options.make(config_lib.EvaluateConfig, {"workdir": workdir, **flags})
    )
    return json.loads((path.parent / "metrics.json").read_bytes())


def by_name(figures):
    return {figure["name"]: figure["value"] for figure in figures}


def read_scores(workdir):
    (path,) = workdir.glob("evaluation/*/scores.csv")
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_threshold_is_that_of_validation_whatever_is_evaluated(
    workdir, data_dir, trained
):
    root, _ = trained
    chosen = {"threshold": "youden", "calibrate": "temperature"}
    found = [
        evaluate(workdir, data_dir=str(data_dir), **what)
        for what in (
            chosen,
            {"split": "test", "final": "true"},
            # What the run keeps is used where nothing is asked for.
            {"images_dir": str(root / "films/test"), "final": "true"},
        )
    ]
    splits = [each["data"]["split"] for each in found]
    assert splits == ["validation", "test", "external"]
    first = found[0]["threshold"]
    kept = json.loads((workdir / "operating_point.json").read_text())
    for each in found:
        assert each["threshold"]["value"] == first["value"]
        assert each["threshold"]["chosen_on"] == "validation"
        assert (
            each["calibration"]["temperature"] == kept["temperature"]["value"]
        )
    assert kept["threshold"]["value"] == first["value"]
    assert (kept["threshold"]["low"], kept["threshold"]["high"]) == (
        first["low"],
        first["high"],
    )
    # The films of the test split, given as a folder, are the test split.
    openings = [each["ledger"] and each["ledger"]["openings"] for each in found]
    assert openings == [None, 1, 2]
    assert by_name(found[1]["figures"]) == by_name(found[2]["figures"])


@file_access.needs_inotify
def test_validation_opens_no_test_file(workdir, data_dir, second):
    shards = {
        split: sorted(data_dir.glob(f"films-*/**/*-{split}.tfrecord*"))
        for split in trained_runs.COUNTS
    }
    watched = [path for paths in shards.values() for path in paths]
    with file_access.watching(*watched) as opened:
        evaluate(workdir, data_dir=str(data_dir), compare=str(second))
    assert opened == {*shards["train"], *shards["validation"]}


def test_two_runs_are_compared(workdir, second, tmp_path):
    """Of each figure as it stands in the report of either."""
    calibrated = {"calibrate": "temperature"}
    ours = evaluate(workdir, compare=str(second), **calibrated)
    found, theirs = ours["comparison"], by_name(ours["figures"])
    own = evaluate(second, output_dir=str(tmp_path / "second"), **calibrated)
    assert own["calibration"]["temperature"] != 1
    own = by_name(own["figures"])
    assert found["other"] == str(second)
    for name in ("auc", "accuracy", "brier", "log_loss"):
        difference = by_name(found["figures"])[name]
        assert difference == pytest.approx(theirs[name] - own[name], abs=1e-12)


def test_run_does_not_differ_from_itself(workdir):
    found = evaluate(workdir, compare=str(workdir))["comparison"]
    assert found["auc_difference"]["value"] == 0 and found["p_value"] == 1
    del found["mcnemar"]["test"]
    assert found["mcnemar"] == {
        **{"only_this": 0, "only_other": 0, "num_patients": 0},
        "p_value": 1,
    }


def test_ensemble_is_the_mean_and_keeps_no_threshold(workdir, second, tmp_path):
    alone = [runs_lib.open_run(path) for path in (workdir, second)]
    (workdir / "operating_point.json").unlink(missing_ok=True)
    found = evaluate(f"{workdir},{second}", output_dir=str(tmp_path / "out"))
    assert found["model"]["is_ensemble"]
    assert [run["workdir"] for run in found["model"]["runs"]] == [
        str(run.workdir) for run in alone
    ]
    each = [
        scoring.score(run, examples_lib.open_split(run, "validation")).positive
        for run in alone
    ]
    assert not np.allclose(*each)
    scores = score_table.read(tmp_path / "out/scores.csv").scores
    np.testing.assert_allclose(scores.positive, np.mean(each, 0), atol=1e-12)
    assert not (workdir / "operating_point.json").exists()


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return trained_runs.train_three_classes(tmp_path_factory.mktemp("three"))


def test_three_classes_are_judged_one_against_the_rest(three):
    workdir, names = three
    found = evaluate(workdir, calibrate="temperature")
    rows = read_scores(workdir)
    assert len(rows) == found["data"]["num_images"] == 18
    assert found["robustness"]["measured_on"] == "originals"
    labels = np.array([row["label"].lstrip("'") for row in rows])
    assert [each["class"] for each in found["per_class"]] == list(names)
    aucs = []
    for each in found["per_class"]:
        own = [float(row[f"p({each['class']})"]) for row in rows]
        aucs.append(sk.roc_auc_score(labels == each["class"], own))
        assert by_name(each["figures"])["auc"] == pytest.approx(aucs[-1])
    assert by_name(found["figures"])["auc"] == pytest.approx(np.mean(aucs))
    decided = [row["decision"].lstrip("'") for row in rows]
    assert found["confusion"]["counts"] == (
        sk.confusion_matrix(labels, decided, labels=names).tolist()
    )
    (page,) = workdir.glob("evaluation/*/report.html")
    assert "<script>alert" not in page.read_text()


def test_three_classes_have_no_threshold_and_no_prevalence(three):
    workdir, _ = three
    for flags in ({"threshold": "youden"}, {"prevalence": "0.1"}):
        with pytest.raises(ValueError, match="two classes.*Leave out --"):
            evaluate(workdir, split="test", final="true", **flags)
    assert not (workdir / ledger_file.FILE).exists()


def test_other_classes_and_other_films_are_not_compared(workdir, three):
    with pytest.raises(ValueError, match="`compare` must name.*same classes"):
        evaluate(workdir, compare=str(three[0]), split="test", final="true")
    with pytest.raises(ValueError, match="`compare` must name.*same classes"):
        evaluate(three[0], compare=str(workdir))
    with pytest.raises(ValueError, match="`compare` must be .*no run.json"):
        evaluate(workdir, compare=str(workdir.parent))
    assert not (workdir / ledger_file.FILE).exists()


def test_nothing_is_opened_for_options_that_cannot_be(
    workdir, data_dir, trained, tmp_path
):
    """What is wrong is found before the split is opened, which counts."""
    root, _ = trained
    table = tmp_path / "slices.csv"
    table.write_text("filename,age\nnobody.png,3\n")
    test = {"split": "test", "data_dir": str(data_dir), "final": "true"}
    folder = {"images_dir": str(root / "films/test"), "final": "true"}
    folder["data_dir"] = str(data_dir)
    for flags in (test, folder, {}):
        with pytest.raises(ValueError, match="none of 1 rows"):
            evaluate(workdir, slices=str(table), threshold="youden", **flags)
    with pytest.raises(ValueError, match="14 images of the test split.*--fin"):
        evaluate(workdir, **{**folder, "final": "false"})
    # Nor does predict.py decide otherwise from now on.
    assert not (workdir / "operating_point.json").exists()
    (workdir / "operating_point.json").mkdir()
    with pytest.raises(Exception, match="operating_point.json.*Is a direct"):
        evaluate(workdir, **test)
    assert not (workdir / ledger_file.FILE).exists()
    assert not (workdir / "evaluation").exists()


def test_test_split_without_a_class_is_told_before_it_is_opened(
    workdir, data_dir
):
    run = runs_lib.open_run(workdir)
    builder = records.open_builder(run, data_dir)
    path = builder.data_path / manifest.FOLDER / manifest.FILES_FILE
    text = path.read_text()
    with open(path, newline="") as file:
        columns, *rows = csv.reader(file)
    split, label = columns.index("split"), columns.index("label")
    for row in rows:
        row[label] = "normal" if row[split] == "test" else row[label]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    assert path.read_text() != text
    with pytest.raises(ValueError, match="files.csv is not as it was written"):
        evaluate(workdir, split="test", final="true", data_dir=str(data_dir))
    (path.parent / "checksums.json").unlink()  # As of an earlier version.
    with pytest.raises(
        ValueError, match="split test has no image of the class pneumonia"
    ):
        evaluate(workdir, split="test", final="true", data_dir=str(data_dir))
    assert not (workdir / ledger_file.FILE).exists()


def test_validation_without_a_class_is_told(workdir, monkeypatch):
    read = examples_lib.read_columns

    def read_one_class(source):
        columns = read(source)
        return columns._replace(labels=np.zeros_like(columns.labels))

    monkeypatch.setattr(examples_lib, "read_columns", read_one_class)
    with pytest.raises(
        ValueError, match="split validation has no image of the class pneumonia"
    ):
        evaluate(workdir)
    assert not (workdir / "evaluation").exists()


def test_metrics_that_are_not_finite_are_null(workdir):
    path = workdir / "metrics.jsonl"
    first, *rest = path.read_text().splitlines()
    record = {**json.loads(first), "loss": float("nan"), "val_loss": 1e999}
    path.write_text("\n".join([json.dumps(record), *rest]) + "\n")
    found = evaluate(workdir)["training"][0]
    assert (found["loss"], found["val_loss"]) == (None, None)
    assert found["epoch"] == 1


def test_records_may_be_moved_and_the_run_too(
    workdir, data_dir, tmp_path, monkeypatch
):
    info = json.loads((workdir / "model.json").read_text())
    info["records"] = str(tmp_path / "nowhere")
    (workdir / "model.json").write_text(json.dumps(info))
    moved = workdir.rename(tmp_path / "moved")
    with pytest.raises(ValueError, match="not there.*nowhere.*--data_dir=DIR"):
        evaluate(moved)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = evaluate("~/moved", data_dir="records", output_dir="out")
    assert found["data"]["num_images"] == 22
    assert (tmp_path / "out/report.html").is_file()
    assert not (tmp_path / "~").exists()


def test_run_of_an_older_version_is_evaluated(workdir):
    """It does not say where its records are; and one from Python no flags."""
    info = json.loads((workdir / "model.json").read_text())
    del info["records"]
    (workdir / "model.json").write_text(json.dumps(info))
    found = evaluate(workdir)
    assert found["robustness"]["measured_on"] == "originals"
    (workdir / "flags.flagfile").write_bytes(b"--\xff")
    with pytest.raises(ValueError, match="flags.flagfile is damaged"):
        evaluate(workdir)


def test_newest_run_is_found(workdir, tmp_path, monkeypatch, capsys):
    (tmp_path / "runs").mkdir()
    workdir.rename(tmp_path / "runs/a")
    monkeypatch.chdir(tmp_path)
    path = evidence.evaluate(options.make(config_lib.EvaluateConfig, {}))
    assert path.parts[:3] == ("runs", "a", "evaluation") and path.is_file()
    assert "The run that was trained last: runs/a" in capsys.readouterr().out

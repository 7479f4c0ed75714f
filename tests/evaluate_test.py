"""`evaluate.py` from the command line: real processes, a real run."""

import csv
import json
import pathlib
import shutil
import signal

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.helpers import programs
from tests.helpers import trained_runs

ROOT = pathlib.Path(__file__).parents[1]
CHOSEN = ("--threshold=youden", "--calibrate=temperature")


def evaluate(*arguments, program=("evaluate.py",), **options):
    return programs.run(*program, *arguments, **options)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("evaluated")
    trained_runs.write_tree(root / "films")
    trained_runs.train(root, root / "run")
    return root


@pytest.fixture(scope="module")
def evaluated(root):
    """Output and directory of an evaluation with all options."""
    keys = [
        f"{path.parent.name}/{path.name}"
        for path in sorted((root / "films/validation").rglob("*.png"))
    ]
    table = root / "slices.csv"
    lines = [
        f"{key},{'odd' if i % 2 else 'even'}" for i, key in enumerate(keys)
    ]
    table.write_text("\n".join(["filename,parity", *lines]))
    result = evaluate(
        *(f"--workdir={root / 'run'}", *CHOSEN, "--prevalence=0.05"),
        f"--slices={table}",
        fresh=True,
    )
    (directory,) = (root / "run/evaluation").iterdir()
    return result, directory


@pytest.fixture(scope="module")
def results(evaluated):
    return json.loads((evaluated[1] / "metrics.json").read_bytes())


@pytest.fixture(scope="module")
def rows(evaluated):
    with open(evaluated[1] / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_written_and_said(evaluated):
    result, directory = evaluated
    assert {path.name for path in directory.iterdir()} == {
        *("metrics.json", "scores.csv", "report.html", "model_card.md")
    }
    last = result.stdout.splitlines()[-1]
    assert last == f"Report: {directory / 'report.html'}"
    assert directory.name.startswith("validation-2")
    for word in ("sensitivity", "youden *", "8x8 thumbnail", "worst degradat"):
        assert word in result.stdout
    assert programs.said(result.stderr) == ""


def test_every_figure_can_be_computed_from_the_scores(results, rows):
    label = np.array([row["label"] == "pneumonia" for row in rows])
    score = np.array([float(row["p(pneumonia)"]) for row in rows])
    judged = np.array([float(row["calibrated(pneumonia)"]) for row in rows])
    decided = np.array([row["decision"] == "pneumonia" for row in rows])
    found = {each["name"]: each["value"] for each in results["figures"]}
    sensitivity = sk.recall_score(label, decided)
    specificity = sk.recall_score(label, decided, pos_label=0)
    ill, healthy = 0.05, 0.95
    true, false = ill * sensitivity, healthy * (1 - specificity)
    right, wrong = healthy * specificity, ill * (1 - sensitivity)
    expected = {
        "auc": sk.roc_auc_score(label, score),
        "average_precision": sk.average_precision_score(label, score),
        "accuracy": sk.accuracy_score(label, decided),
        "balanced_accuracy": sk.balanced_accuracy_score(label, decided),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": sk.precision_score(label, decided),
        "npv": sk.precision_score(label, decided, pos_label=0),
        "ppv_at_prevalence": true / (true + false),
        "npv_at_prevalence": right / (right + wrong),
        "f1": sk.f1_score(label, decided),
        "matthews": sk.matthews_corrcoef(label, decided),
        "brier": sk.brier_score_loss(label, judged),
        "log_loss": sk.log_loss(label, judged),
    }
    assert set(found) == {*expected, "calibration_error"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert results["confusion"]["counts"] == (
        sk.confusion_matrix(label, decided).tolist()
    )
    threshold = results["threshold"]["value"]
    np.testing.assert_array_equal(decided, score >= threshold)
    fpr, tpr, thresholds = sk.roc_curve(label, score)
    best = thresholds[np.argmax(tpr - fpr)]
    # Between the score that it lets pass and the next below.
    assert np.sum((score >= threshold) != (score >= best)) == 0
    temperature = results["calibration"]["temperature"]
    logit = np.log(score / (1 - score)) / temperature
    np.testing.assert_allclose(judged, 1 / (1 + np.exp(-logit)), atol=1e-9)


def test_intervals_hold_their_values(results):
    for each in results["figures"]:
        if each["low"] is not None:
            assert each["low"] <= each["value"] <= each["high"], each
            assert -1 <= each["low"] and each["reason"].endswith(".")
    assert sum(each["low"] is not None for each in results["figures"]) >= 12


def test_slices_are_those_of_the_table(results, rows, root):
    found = [each for each in results["slices"] if each["column"] == "parity"]
    assert [(each["value"], each["num_images"]) for each in found] == [
        *(("even", 11), ("odd", 11))
    ]


def test_operating_point_is_kept_in_the_run(results, root):
    kept = json.loads((root / "run/operating_point.json").read_text())
    for name in ("rule", "value", "low", "high", "chosen_on"):
        assert kept["threshold"][name] == results["threshold"][name]
    assert kept["threshold"]["model_sha256"] == (
        results["model"]["runs"][0]["sha256"]
    )
    assert kept["threshold"]["data_fingerprint"] == (
        results["data"]["fingerprint"]
    )
    assert kept["temperature"]["value"] == results["calibration"]["temperature"]


def test_test_split_is_counted_and_its_killed_opening_too(root):
    run = shutil.copytree(root / "run", root / "killed", dirs_exist_ok=True)
    shutil.rmtree(run / "evaluation", ignore_errors=True)
    final = (f"--workdir={run}", "--split=test", "--final")
    dying = (
        "import os, runpy, signal, sys\n"
        "from inference import robustness\n"
        "def die(*args): os.kill(os.getpid(), signal.SIGKILL)\n"
        "robustness.measure = die\n"
        "runpy.run_path('evaluate.py', run_name='__main__')\n"
    )
    result = evaluate(*final, program=("-c", dying), check=False)
    assert result.returncode == -signal.SIGKILL
    assert not (run / "evaluation").exists()
    # It had seen the split, and that is known.
    evaluate(*final)
    (path,) = run.glob("evaluation/test-*/metrics.json")
    ledger = json.loads(path.read_bytes())["ledger"]
    assert (ledger["openings"], ledger["models"]) == (2, 1)
    assert ledger["intact"]
    assert (run / "ledger.jsonl").is_file()
    assert list(root.glob("records/films-*/xray_tfds/ledger.jsonl"))


def test_damaged_model_ends_with_a_sentence(root, tmp_path):
    run = shutil.copytree(root / "run", tmp_path / "run")
    (run / "best.keras").write_bytes(b"PK")
    before = sorted(tmp_path.rglob("*"))
    result = evaluate(f"--workdir={run}", check=False)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"evaluate.py: {run / 'best.keras'} is damaged")
    assert sorted(tmp_path.rglob("*")) == before


def test_file_that_cannot_be_read_ends_with_a_sentence(root, tmp_path):
    """No trace of calls, whatever the system says of which file."""
    run = shutil.copytree(root / "run", tmp_path / "run")
    (run / "model.json").unlink()
    (run / "model.json").symlink_to("model.json")
    result = evaluate(f"--workdir={run}", check=False)
    assert result.returncode in (2, 4)
    (line,) = result.stderr.splitlines()
    assert "model.json" in line and "symbolic links" in line

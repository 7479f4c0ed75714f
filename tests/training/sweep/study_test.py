"""Sweeps over options, with a small program in the place of train.py."""

import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys

import optuna
import pytest

from tests.helpers import sweeps
from training import errors

# What Optuna calls experimental or deprecated is not ours to use.
pytestmark = pytest.mark.filterwarnings(
    "error::DeprecationWarning", "error::FutureWarning", "error::UserWarning"
)


def test_grid_tries_all_and_puts_the_best_first(script, tmp_path, capsys):
    directory = tmp_path / "sweep"
    arguments = (
        "--try",
        "learning_rate=0.2,0.1,0.3",
        "--try",
        "batch_size=8,16",
        "--",
        "--model=lesson",
    )
    assert sweeps.run(script, directory, *arguments) == 0
    rows = sweeps.read_rows(directory)
    found = [(row["learning_rate"], row["batch_size"]) for row in rows]
    assert sorted(found) == sorted(
        itertools.product(("0.1", "0.2", "0.3"), ("8", "16"))
    )
    assert [row["learning_rate"] for row in rows[::2]] == ["0.1", "0.2", "0.3"]
    assert float(rows[0]["val_auc"]) == 0.9 and rows[0]["epoch"] == "1"
    assert (directory / "best.flagfile").read_text() == "0.1"
    assert (
        json.loads((directory / "results.json").read_text())[0]["workdir"]
        == rows[0]["workdir"]
    )
    assert "val_auc" in capsys.readouterr().out
    # The same command has nothing left to do.
    assert sweeps.run(script, directory, *arguments) == 0
    assert list(sweeps.read_calls(directory).values()) == [1] * 6


def test_random_search_is_a_function_of_its_seed(script, tmp_path):
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        status = sweeps.run(
            script,
            tmp_path / name,
            "--search=random",
            "--num_trials=3",
            f"--seed={seed}",
            "--metric=val_loss",
            "--try",
            "learning_rate=0.001:0.1:log",
            "--try",
            "batch_size=8:32",
        )
        assert status == 0
        rows = sweeps.read_rows(tmp_path / name)
        losses = [float(row["val_loss"]) for row in rows]
        assert losses == sorted(losses)
        assert all(8 <= int(row["batch_size"]) <= 32 for row in rows)
        found.append([row["learning_rate"] for row in rows])
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 3


def test_resumed_search_draws_what_it_would_have_drawn_at_once(
    script, tmp_path
):
    # Past the ten trials that TPE draws at random.
    rates = {}
    for search, counts in itertools.product(
        ("random", "tpe"), ((12,), (3, 11, 12))
    ):
        directory = tmp_path / f"{search}-{len(counts)}"
        for count in counts:
            status = sweeps.run(
                script,
                directory,
                f"--search={search}",
                f"--num_trials={count}",
                "--try",
                "learning_rate=0.001:0.5",
            )
            assert status == 0
        rows = sorted(
            sweeps.read_rows(directory), key=lambda row: int(row["trial"])
        )
        rates[search, len(counts)] = [row["learning_rate"] for row in rows]
    assert len(set(rates["random", 1])) == 12
    assert rates["random", 1] == rates["random", 3]
    assert rates["tpe", 1] == rates["tpe", 3] != rates["random", 1]


def test_trial_killed_before_it_had_values_gets_its_own(script, tmp_path):
    arguments = ("--search=random", "--try", "learning_rate=0.001:0.5")
    found = []
    for name in ("whole", "killed"):
        directory = tmp_path / name
        sweeps.run(script, directory, "--num_trials=1", *arguments)
        if name == "killed":
            storage = f"sqlite:///{directory / 'study.db'}"
            optuna.load_study(study_name="sweep", storage=storage).ask()
        sweeps.run(script, directory, "--num_trials=3", *arguments)
        rows = sweeps.read_rows(directory)
        found.append({row["trial"]: row["learning_rate"] for row in rows})
    assert found[0] == found[1] and len(found[0]) == 3


def test_seeds_are_averaged(script, tmp_path):
    status = sweeps.run(
        script,
        tmp_path / "s",
        "--seeds=3",
        "--try",
        "learning_rate=0.2,0.1",
        "--",
        "--model=lesson",
    )
    assert status == 0
    best, other = json.loads((tmp_path / "s" / "results.json").read_text())
    assert best["learning_rate"] == "0.1" and other["learning_rate"] == "0.2"
    aucs = [0.9, 0.89, 0.88]
    assert best["val_auc"] == pytest.approx(statistics.mean(aucs))
    assert best["val_auc_std"] == pytest.approx(statistics.stdev(aucs))
    assert best["val_loss"] == pytest.approx(0.11)
    assert best["epoch"] == 1
    flags = (tmp_path / "s" / "best.flagfile").read_text()
    assert flags == "0.1" and best["workdir"].endswith("seed-0")


def test_hopeless_trial_is_pruned(tmp_path, capsys):
    # Five trials make a median, and the sixth would train for a minute.
    script = tmp_path / "program.py"
    script.write_text("""
import json, pathlib, signal, sys, time
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(parents=True)
is_last = "trial-006" in str(workdir)
record = {"epoch": 1, "val_auc": .6 if is_last else .9, "val_accuracy": .5,
          "val_loss": 1}
temporary = workdir / "temporary"
temporary.write_text(json.dumps(record))
if is_last:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
temporary.rename(workdir / "metrics.jsonl")
# Unless it is pruned, it ends well.
deadline = time.monotonic() + 600
while is_last and time.monotonic() < deadline:
    time.sleep(.01)
""")
    arguments = ("--prune", "--try", "epochs=1,2,3,4,5,6")
    for _ in range(2):
        assert sweeps.run(script, tmp_path / "s", *arguments) == 0
        output = capsys.readouterr().out
        assert "Trial 6 pruned: worse than the median" in output
    rows = sweeps.read_rows(tmp_path / "s")
    assert sorted(row["trial"] for row in rows) == list("12345")


def test_failing_trial_is_reported_and_the_others_run(script, tmp_path, capsys):
    directory = tmp_path / "sweep"
    status = sweeps.run(script, directory, "--try", "optimizer=sgd,adam")
    assert status == 1
    assert "status 3: Trouble with sgd" in capsys.readouterr().out
    rows = sweeps.read_rows(directory)
    assert [row["optimizer"] for row in rows] == ["adam"]


def test_trial_without_metrics_has_failed(tmp_path, capsys):
    script = tmp_path / "program.py"
    script.write_text("")
    assert sweeps.run(script, tmp_path / "s", "--try", "epochs=1,2") == 1
    assert capsys.readouterr().out.count("val_auc was never defined") == 4


def test_undefined_metric_is_no_number_but_no_obstacle(tmp_path):
    script = tmp_path / "program.py"
    script.write_text("""
import pathlib, sys
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(parents=True)
(workdir / "metrics.jsonl").write_text(
    '{"epoch": 1, "val_auc": null, "val_accuracy": 0.5, "val_loss": 2.0}')
""")
    arguments = ("--metric=val_loss", "--try", "epochs=1")
    assert sweeps.run(script, tmp_path / "s", *arguments) == 0
    (row,) = json.loads((tmp_path / "s" / "results.json").read_text())
    assert row["val_auc"] is None and row["val_loss"] == 2


def test_killed_sweep_is_resumed(script, tmp_path, monkeypatch):
    directory = tmp_path / "sweep"
    arguments = ("--try", "learning_rate=0.1,0.2,0.3")
    monkeypatch.setenv("KILL", "1")
    killed = sweeps.start(script, directory, *arguments)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    monkeypatch.delenv("KILL")
    assert sweeps.run(script, directory, *arguments) == 0
    # The finished one was left alone, the killed one run again.
    calls = {"trial-001": 1, "trial-002": 2, "trial-003": 1}
    assert sweeps.read_calls(directory) == calls
    rates = {row["learning_rate"] for row in sweeps.read_rows(directory)}
    assert rates == {"0.1", "0.2", "0.3"}


def test_sweep_goes_on_when_nobody_reads_its_output(script, tmp_path):
    program = (
        "import pathlib, runpy, sys; from training.sweep import trials;"
        "trials.SCRIPT = pathlib.Path(sys.argv.pop(1));"
        "runpy.run_module('training.sweep', run_name='__main__')"
    )
    reading, writing = os.pipe()
    os.close(reading)
    flag = f"--sweep_dir={tmp_path / 's'}"
    tried = ("--try", "learning_rate=0.1,0.2,0.3")
    status = subprocess.call(
        [sys.executable, "-c", program, str(script), flag, *tried],
        cwd=sweeps.ROOT,
        stdout=writing,
    )
    os.close(writing)
    assert status == errors.OUTPUT_LOST_STATUS
    assert len(sweeps.read_rows(tmp_path / "s")) == 3


def test_sweep_that_was_moved_has_the_options_of_its_best(script, tmp_path):
    arguments = ("--search=random", "--try", "learning_rate=0.1:0.2")
    assert sweeps.run(script, tmp_path / "a", "--num_trials=1", *arguments) == 0
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b" / "best.flagfile").unlink()
    assert sweeps.run(script, tmp_path / "b", "--num_trials=1", *arguments) == 0
    (row,) = sweeps.read_rows(tmp_path / "b")
    best = (tmp_path / "b" / "best.flagfile").read_text()
    assert best == row["learning_rate"]
    assert row["workdir"] == str(tmp_path / "b" / "trial-001" / "run")


def test_trials_on_other_images_are_not_compared(tmp_path, capsys, monkeypatch):
    script = tmp_path / "program.py"
    script.write_text(sweeps.PROGRAM + """
(workdir / "run.json").write_text(json.dumps(
    {"settings": {}, "data": os.environ["IMAGES"], "finished": None}))
""")
    arguments = ("--search=random", "--try", "learning_rate=0.1:0.2")
    monkeypatch.setenv("IMAGES", "these")
    assert sweeps.run(script, tmp_path / "s", "--num_trials=2", *arguments) == 0
    before = sweeps.read_rows(tmp_path / "s")
    monkeypatch.setenv("IMAGES", "others")
    assert sweeps.run(script, tmp_path / "s", "--num_trials=3", *arguments) == 2
    error = capsys.readouterr().err
    assert "are not those with which the sweep" in error
    workdir = tmp_path / "s" / "trial-003" / "run"
    assert f"remove {workdir}, or" in error
    assert sweeps.read_rows(tmp_path / "s") == before
    monkeypatch.setenv("IMAGES", "these")
    shutil.rmtree(workdir)
    assert sweeps.run(script, tmp_path / "s", "--num_trials=3", *arguments) == 0
    assert len(sweeps.read_rows(tmp_path / "s")) == 3


@pytest.mark.slow
def test_networks_are_trained(image_tree, tmp_path):
    process = sweeps.start(
        sweeps.ROOT / "train.py",
        tmp_path / "sweep",
        "--try",
        "batch_size=8,16",
        "--",
        f"--images_dir={image_tree}",
        f"--data_dir={tmp_path / 'records'}",
        "--image_size=64",
        "--epochs=1",
    )
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    rows = sweeps.read_rows(tmp_path / "sweep")
    assert {row["batch_size"] for row in rows} == {"8", "16"}
    aucs = [float(row["val_auc"]) for row in rows]
    assert aucs == sorted(aucs, reverse=True)
    flags = (tmp_path / "sweep" / "best.flagfile").read_text()
    assert f"--batch_size={rows[0]['batch_size']}\n" in flags

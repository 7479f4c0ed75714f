"""Sweeps over options, with a small program in the place of train.py."""

import itertools
import json
import re
import signal
import statistics

import pytest

from tests.helpers import sweeps
from training.workdir import directory as directory_lib

# What Optuna calls experimental or deprecated is not ours to use.
pytestmark = pytest.mark.filterwarnings(
    "error::DeprecationWarning", "error::FutureWarning", "error::UserWarning"
)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(sweeps.PROGRAM)
    return path


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
    # Five trials make a median, and the sixth would never end.
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
while is_last:
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
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    monkeypatch.delenv("KILL")
    assert sweeps.run(script, directory, *arguments) == 0
    # The finished one was left alone, the killed one run again.
    calls = {"trial-001": 1, "trial-002": 2, "trial-003": 1}
    assert sweeps.read_calls(directory) == calls
    rates = {row["learning_rate"] for row in sweeps.read_rows(directory)}
    assert rates == {"0.1", "0.2", "0.3"}


def test_directory_of_another_sweep_is_refused(script, tmp_path, capsys):
    directory = tmp_path / "s"
    assert sweeps.run(script, directory, "--try", "learning_rate=0.1") == 0
    status = sweeps.run(
        script, directory, "--try", "learning_rate=0.2", "--", "--seed=1"
    )
    assert status == 2
    error = capsys.readouterr().err
    assert "['learning_rate=0.1'] -> ['learning_rate=0.2']" in error
    assert "flags: [] -> ['--seed=1']" in error


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("sweep.json", "{}", "earlier version.*Name another directory"),
        ("study.db", "no database", "study.db that Optuna cannot use"),
    ],
)
def test_directory_that_cannot_be_resumed_is_refused(
    name, text, message, script, tmp_path, capsys
):
    (tmp_path / name).write_text(text)
    assert sweeps.run(script, tmp_path, "--try", "epochs=1") == 2
    error = capsys.readouterr().err
    assert re.search(message, error) and str(tmp_path) in error
    assert (tmp_path / name).read_text() == text


def test_directory_of_a_sweep_in_progress_is_refused(script, tmp_path, capsys):
    other = directory_lib.open_directory(tmp_path / "s", matches=bool)
    assert sweeps.run(script, tmp_path / "s", "--try", "epochs=1") == 2
    assert "`--sweep_dir`" in capsys.readouterr().err
    other.close()
    assert sweeps.run(script, tmp_path / "s", "--try", "epochs=1") == 0


def test_file_is_no_sweep_directory(script, capsys):
    assert sweeps.run(script, script, "--try", "epochs=1") == 2
    error = capsys.readouterr().err
    assert "`--sweep_dir`" in error and str(script) in error


@pytest.mark.parametrize("name", ["~/a sweep", "50% of it? #1"])
def test_directory_may_have_any_name(name, script, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert sweeps.run(script, name, "--try", "epochs=1") == 0
    (row,) = sweeps.read_rows(tmp_path / name.replace("~/", ""))
    assert row["epochs"] == "1"
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "`--try` must be given"),
        (("--try", "learning_rat=1"), "option of train.py.*learning_rat=1"),
        (
            ("--try", "epochs=1", "--try", "epochs=2"),
            "once. Received: epochs=2",
        ),
        (("--try", "workdir=a,b"), "option of train.py.*workdir=a,b"),
        (("--try", "epochs=1,many"), "whole number. Received: epochs=many"),
        (("--try", "optimizer=adam,x"), "one of adam, adamw, sgd"),
        (("--try", "horizontal_flip=true,no"), "`horizontal_flip`.*=no"),
        (("--try", "image_size=64,128"), "option of train.py.*image_size"),
        (
            ("--try", "epochs=1", "--", "--epocs=3"),
            "options of train.py. Received: --epocs=3",
        ),
        (("--try", "epochs=1:9"), "A range needs `--search=random`"),
        (("--try", "epochs=1", "--num_trials=3"), "left out of a grid.*=3"),
        (("--try", "epochs=1", "--search=random"), "num_trials=None"),
        (("--try", "epochs=1", "--search=tpe"), "with --search=tpe"),
        (
            (
                "--try",
                "learning_rate=0:1:log",
                "--search=random",
                "--num_trials=1",
            ),
            "above 0 for log. Received: learning_rate=0:1:log",
        ),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_made(
    arguments, message, script, tmp_path, capsys
):
    assert sweeps.run(script, tmp_path / "s", *arguments) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--seeds=0",), "seeds=0"),
        (("--seed=-1",), "seed=-1"),
        (("--seeds=2", "--", "--seed=7"), "itself sets --seed=7"),
        (("--seeds=2", "--try", "seed=1,2"), "itself sets seed=1,2"),
    ],
)
def test_wrong_seeds_are_refused(arguments, message, script, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        sweeps.run(script, tmp_path / "s", "--try", "epochs=1", *arguments)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


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
        "--image_size=32",
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

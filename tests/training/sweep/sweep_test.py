"""Sweeps over options, with a small program in the place of train.py."""

import csv
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from training.sweep import __main__ as sweep
from training.sweep import space
from training.workdir import directory as directory_lib

ROOT = pathlib.Path(__file__).parents[3]

# Its AUC tells the options apart; its best epoch is the first.
_TRAIN = """
import json, os, pathlib, signal, sys
flags = dict(flag.lstrip("-").split("=") for flag in sys.argv[1:])
workdir = pathlib.Path(flags["workdir"])
workdir.mkdir(parents=True, exist_ok=True)
with open(workdir / "calls", "a") as file:
    file.write("x")
rate = float(flags.get("learning_rate", 0.1))
if flags.get("optimizer") == "sgd":
    print("Trouble with sgd", file=sys.stderr)
    sys.exit(3)
if os.environ.get("KILL") and flags["workdir"].endswith("trial-002/run"):
    os.kill(os.getppid(), signal.SIGKILL)
    sys.exit(1)
records = [
    {"epoch": e, "val_auc": 1 - rate / e ** -1, "val_accuracy": .5,
     "val_loss": rate * e}
    for e in (1, 2)
]
(workdir / "metrics.jsonl").write_text("\\n".join(map(json.dumps, records)))
(workdir / "flags.flagfile").write_text(str(rate))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(_TRAIN)
    return path


def run(script, directory, *arguments):
    return sweep.main([f"--sweep_dir={directory}", *arguments], script)


def start(script, directory, *arguments):
    """Starts a sweep in a process of its own."""
    program = (
        "import pathlib, sys; from training.sweep import __main__ as sweep;"
        "sys.exit(sweep.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
    )
    flag = f"--sweep_dir={directory}"
    return subprocess.Popen(
        [sys.executable, "-c", program, str(script), flag, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def read_rows(directory):
    with open(directory / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


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
    assert run(script, directory, *arguments) == 0
    rows = read_rows(directory)
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
    assert run(script, directory, *arguments) == 0
    calls = [p.read_text() for p in directory.glob("trial-*/run/calls")]
    assert calls == ["x"] * 6


def test_random_search_is_a_function_of_its_seed(script, tmp_path):
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert (
            run(
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
            == 0
        )
        rows = read_rows(tmp_path / name)
        losses = [float(row["val_loss"]) for row in rows]
        assert losses == sorted(losses)
        assert all(8 <= int(row["batch_size"]) <= 32 for row in rows)
        found.append([row["learning_rate"] for row in rows])
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 3


def test_failing_trial_is_told_and_the_others_go_on(script, tmp_path, capsys):
    directory = tmp_path / "sweep"
    status = run(script, directory, "--try", "optimizer=sgd,adam")
    assert status == 1
    assert "status 3: Trouble with sgd" in capsys.readouterr().out
    assert [row["optimizer"] for row in read_rows(directory)] == ["adam"]


def test_killed_sweep_goes_on_where_it_was(script, tmp_path, monkeypatch):
    directory = tmp_path / "sweep"
    arguments = ("--try", "learning_rate=0.1,0.2,0.3")
    monkeypatch.setenv("KILL", "1")
    killed = start(script, directory, *arguments)
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    monkeypatch.delenv("KILL")
    assert run(script, directory, *arguments) == 0
    calls = {
        p.parts[-3]: p.read_text() for p in directory.glob("trial-*/run/calls")
    }
    # The finished one was left alone, the killed one run again.
    assert calls == {"trial-001": "x", "trial-002": "xx", "trial-003": "x"}
    assert len(read_rows(directory)) == 3


def test_directory_of_another_sweep_is_refused(script, tmp_path, capsys):
    assert run(script, tmp_path / "s", "--try", "learning_rate=0.1") == 0
    status = run(
        script, tmp_path / "s", "--try", "learning_rate=0.2", "--", "--seed=1"
    )
    assert status == 2
    error = capsys.readouterr().err
    assert "['learning_rate=0.1'] -> ['learning_rate=0.2']" in error
    assert "flags: [] -> ['--seed=1']" in error


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "`--try` must be given"),
        (("--try", "learning_rat=1"), "option of train.py.*learning_rat=1"),
        (("--try", "workdir=a,b"), "option of train.py.*workdir=a,b"),
        (("--try", "epochs=1,many"), "whole number. Received: epochs=many"),
        (("--try", "optimizer=adam,x"), "one of adam, adamw, sgd"),
        (("--try", "image_size=64,128"), "option of train.py.*image_size"),
        (
            ("--try", "epochs=1", "--", "--epocs=3"),
            "options of train.py. Received: --epocs=3",
        ),
        (("--try", "epochs=1:9"), "A range needs `--search=random`"),
        (("--try", "epochs=1", "--num_trials=3"), "left out of a grid.*=3"),
        (("--try", "epochs=1", "--search=random"), "num_trials=None"),
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
    assert run(script, tmp_path / "s", *arguments) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert not (tmp_path / "s").exists()


def test_random_trials_do_not_depend_on_how_many_follow():
    found = space.parse(["learning_rate=0.1:1:log", "optimizer=adam,sgd"])
    few, many, others = (
        space.draw(found, "random", count, seed)
        for count, seed in ((3, 0), (9, 0), (9, 1))
    )
    assert many[:3] == few
    rates = [{trial["learning_rate"] for trial in t} for t in (many, others)]
    assert not rates[0] & rates[1]


def test_values_with_commas_are_parted_by_semicolons():
    found = space.parse(["zoom_range=0.8,1.2;0.9,1.1"])
    assert found["zoom_range"].choices == ("0.8,1.2", "0.9,1.1")
    with pytest.raises(ValueError, match="`zoom_range` must be"):
        space.parse(["zoom_range=0.8,x;1"])


def test_trial_without_metrics_has_failed(tmp_path, capsys):
    script = tmp_path / "program.py"
    script.write_text("")
    assert run(script, tmp_path / "s", "--try", "epochs=1,2") == 1
    assert capsys.readouterr().out.count("val_auc was never defined") == 4


_SLOW = """
import os, pathlib, signal, sys, time
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(parents=True, exist_ok=True)
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
(workdir / "pid").write_text(str(os.getpid()))
while not seen:
    time.sleep(.01)
(workdir / "checkpoint").write_text("x")
sys.exit(130)
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_trial_in_order_and_leaves_none_running(
    signum, tmp_path
):
    script = tmp_path / "program.py"
    script.write_text(_SLOW)
    directory = tmp_path / "sweep"
    process = start(script, directory, "--try", "epochs=1,2")
    pid_file = directory / "trial-001" / "run" / "pid"
    wait_for(lambda: pid_file.exists() and pid_file.read_text())
    process.send_signal(signum)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in output
    assert (directory / "trial-001" / "run" / "checkpoint").exists()
    assert not (directory / "trial-002").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_trial_that_outlived_its_sweep_is_waited_for(script, tmp_path):
    directory = tmp_path / "sweep"
    held = directory_lib.open_directory(
        directory / "trial-001" / "run", matches=bool
    )
    process = start(script, directory, "--try", "learning_rate=0.1")
    assert "Trial 1/1" in process.stdout.readline()
    calls = directory / "trial-001" / "run" / "calls"
    assert not calls.exists()
    held.close()
    process.communicate(timeout=60)
    assert process.returncode == 0 and calls.read_text() == "x"

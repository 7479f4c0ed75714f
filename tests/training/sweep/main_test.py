"""What the command line refuses: directories, values, seeds."""

import re

import pytest

from tests.helpers import sweeps
from training.sweep import study
from training.workdir import directory as directory_lib


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


@pytest.mark.parametrize(
    "directory, flags, message",
    [
        ("", ["--seed=1"], "must be a path. Received: sweep_dir="),
        ("images/sweep", ["--images_dir=images"], "must be outside the folder"),
        ("images", ["--images_dir", "images"], "must be outside the folder"),
        ("sweep", ["--epochs=2"], "itself sets --epochs=2"),
    ],
)
def test_what_would_be_written_or_set_elsewhere_is_refused(
    directory, flags, message, script, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(SystemExit, match="2"):
        sweeps.run(script, directory, "--try", "epochs=1", "--", *flags)
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("study.db"))


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


def test_interrupted_before_a_trial_it_ends_in_a_line(
    script, tmp_path, monkeypatch, capsys
):
    def interrupt(*unused):
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "run", interrupt)
    status = sweeps.run(script, tmp_path, "--try", "learning_rate=0.1")
    assert status == 130
    assert capsys.readouterr().err == "sweep: Interrupted.\n"

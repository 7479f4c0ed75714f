"""Runs of trials as processes: signals, and what outlives what."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from tests.helpers import processes
from tests.helpers import sweeps
from training import children as children_lib
from training.sweep import trials
from training.workdir import directory as directory_lib


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def endless(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(sweeps.ENDLESS)
    return path


def read_pid(directory):
    """Returns the process of the first trial, once it is there."""
    path = directory / "trial-001" / "run" / "pid"
    processes.wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
)
def test_signal_ends_the_trial_in_order_and_leaves_none_running(
    signum, endless, tmp_path
):
    directory = tmp_path / "sweep"
    process = sweeps.start(endless, directory, "--try", "epochs=1,2")
    pid = read_pid(directory)
    process.send_signal(signum)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command resumes" in output
    assert (directory / "trial-001" / "run" / "checkpoint").exists()
    assert not (directory / "trial-002").exists()
    assert not is_alive(pid)


def test_second_signal_ends_a_trial_that_does_not_stop(tmp_path):
    script = tmp_path / "program.py"
    # The first signal is met, and nothing comes of it.
    script.write_text("""
import os, pathlib, signal, sys, time
workdir = pathlib.Path(sys.argv[-1].partition("=")[2])
workdir.mkdir(parents=True)
def stop(signum, frame):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    (workdir / "asked").write_text("x")
signal.signal(signal.SIGINT, stop)
(workdir / "pid").write_text(str(os.getpid()))
time.sleep(60)
""")
    directory = tmp_path / "sweep"
    process = sweeps.start(script, directory, "--try", "epochs=1,2")
    pid = read_pid(directory)
    process.send_signal(signal.SIGINT)
    processes.wait_until((directory / "trial-001" / "run" / "asked").exists)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130 and not is_alive(pid)


@pytest.mark.skipif(not shutil.which("nohup"), reason="needs nohup")
def test_sweep_under_nohup_outlives_its_terminal(endless, tmp_path):
    directory = tmp_path / "sweep"
    arguments = ("--try", "epochs=1")
    process = sweeps.start(endless, directory, *arguments, before=("nohup",))
    pid = read_pid(directory)
    process.send_signal(signal.SIGHUP)
    # The trial ends by itself; the sweep has not been interrupted.
    os.kill(pid, signal.SIGTERM)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Trial 1 failed, status 143" in output


@pytest.mark.parametrize("is_started", [False, True])
def test_signal_while_a_trial_starts_leaves_none_running(
    is_started, endless, tmp_path, monkeypatch
):
    popen, started = subprocess.Popen, []

    def start(*args, **kwargs):
        if not is_started:
            os.kill(os.getpid(), signal.SIGTERM)
        process = popen(*args, **kwargs)
        started.append(process)
        if is_started:
            os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    status = sweeps.run(endless, tmp_path / "sweep", "--try", "epochs=1,2")
    assert status == 130
    assert len(started) == 1 and started[0].poll() is not None


def test_trial_ends_when_its_sweep_fails(endless, tmp_path):
    workdir = tmp_path / "trial-001" / "run"
    pids = []

    def fail():
        pids.append(read_pid(tmp_path))
        raise OSError("no space left on device")

    with children_lib.Children() as children:
        with pytest.raises(OSError, match="no space"):
            trials.train([str(endless)], workdir, children, fail)
    assert not is_alive(pids[0])
    assert (workdir / "checkpoint").exists()


def test_trial_that_outlived_its_sweep_is_waited_for(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(sweeps.PROGRAM)
    directory = tmp_path / "sweep"
    workdir = directory / "trial-001" / "run"
    held = directory_lib.open_directory(workdir, matches=bool)
    process = sweeps.start(script, directory, "--try", "learning_rate=0.1")
    assert "Trial 1/1" in process.stdout.readline()
    calls = pathlib.Path(workdir, "calls")
    assert not calls.exists()
    held.close()
    process.communicate(timeout=300)
    assert process.returncode == 0 and calls.read_text() == "x"


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 9)", "sys.exit(4)"])
def test_trial_that_the_machine_ended_is_resumed(ending, tmp_path, capsys):
    script = tmp_path / "program.py"
    # The second trial meets a machine without memory, once, or a full disk.
    script.write_text(sweeps.PROGRAM + f"""
if "trial-002" in str(workdir) and not (workdir / "end").exists():
    (workdir / "end").write_text("x")
    {ending}
""")
    directory = tmp_path / "sweep"
    arguments = ("--try", "learning_rate=0.1,0.2,0.3")
    assert sweeps.run(script, directory, *arguments) == 1
    status = 137 if "kill" in ending else 4
    output = capsys.readouterr().out
    assert f"Trial 2 failed, status {status}" in output
    assert "The same command resumes" in output
    assert len(sweeps.read_rows(directory)) == 2
    assert sweeps.run(script, directory, *arguments) == 0
    assert len(sweeps.read_rows(directory)) == 3
    assert "failed" not in capsys.readouterr().out
    assert list(sorted(sweeps.read_calls(directory).values())) == [1, 1, 2]

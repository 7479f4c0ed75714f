"""The launcher, with small programs in the place of train.py."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]

_LAUNCH = (
    "import pathlib, sys; from training import launch;"
    "sys.exit(launch.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
)


def start(tmp_path, program, *flags, count=2):
    script = tmp_path / "program.py"
    script.write_text(
        "import os, signal, sys, time\n"
        "index = int(sys.argv[-1].partition('=')[2])\n" + program
    )
    command = [sys.executable, "-c", _LAUNCH, str(script)]
    return subprocess.Popen(
        [*command, f"--num_workers={count}", "--", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_workers_get_their_flags_and_lines_their_prefix(tmp_path):
    program = (
        "print(*sys.argv[1:])\n"
        "print('no end of line', file=sys.stderr, end='')\n"
    )
    process = start(tmp_path, program, "--epochs=3", "--model=lesson", count=3)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = sorted(output.splitlines())
    assert len(lines) == 3
    addresses = set()
    for index, line in enumerate(lines):
        prefix, *flags = line.split()
        assert prefix == f"[{index}]"
        assert flags[:3] == [
            "--epochs=3",
            "--model=lesson",
            "--strategy=multi_worker",
        ]
        assert flags[4] == f"--worker_index={index}"
        addresses.add(flags[3])
    (workers,) = addresses
    assert len(set(workers.partition("=")[2].split(","))) == 3
    assert sorted(error.splitlines()) == [
        f"[{index}] no end of line" for index in range(3)
    ]


@pytest.mark.parametrize(
    "failing, status, told",
    [
        ("sys.exit(4)", 4, "Worker 1 has ended with status 4"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            137,
            "Worker 1 has ended by SIGKILL",
        ),
    ],
)
def test_failure_of_one_ends_the_others(failing, status, told, tmp_path):
    program = f"if index == 1: {failing}\ntime.sleep(600)\n"
    process = start(tmp_path, program, count=3)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert told in error


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on_once_and_waited_for(signum, tmp_path):
    program = (
        "seen = []\n"
        f"signal.signal({signum}, lambda *_: seen.append(1))\n"
        "print('ready')\n"
        "while not seen: time.sleep(.01)\n"
        "time.sleep(.5)\n"
        "print('written', len(seen))\n"
        f"sys.exit(128 + {int(signum)})\n"
    )
    process = start(tmp_path, program)
    for _ in range(2):
        assert process.stdout.readline().endswith("ready\n")
    process.send_signal(signum)
    output, error = process.communicate(timeout=60)
    assert sorted(output.splitlines()) == ["[0] written 1", "[1] written 1"]
    assert process.returncode == 128 + signum
    assert error == ""


def test_worker_that_does_not_end_is_killed(tmp_path):
    program = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid())\n"
        "if index: time.sleep(.5); sys.exit(3)\n"
        "time.sleep(600)\n"
    )
    script = _LAUNCH.replace(
        "sys.exit", "launch._GRACE_SECONDS = 1; sys.exit", 1
    )
    (tmp_path / "program.py").write_text(
        "import os, signal, sys, time\n"
        "index = int(sys.argv[-1].partition('=')[2])\n" + program
    )
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(tmp_path / "program.py"),
            "--num_workers=2",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 3
    for line in process.stdout.splitlines():
        pid = int(line.split()[1])
        deadline = time.monotonic() + 10
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _is_alive(pid)


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--num_workers=0"], "Received: num_workers=0"),
        ([], "--num_workers"),
        (
            ["--num_workers=2", "--", "--workers=a:1"],
            "this program itself sets --workers=a:1",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    process = subprocess.run(
        [sys.executable, "-m", "training.launch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 2
    assert message in process.stderr

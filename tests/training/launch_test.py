"""The launcher, with small programs in the place of train.py."""

import os
import signal
import subprocess
import sys

import pytest

from tests.helpers import processes
from training import errors

_BEGIN = (
    "import os, signal, sys, time\n"
    "sys.path.insert(0, os.getcwd())\n"
    "from training import children\n"
    "children.end_with_parent()\n"
    "index = int(sys.argv[-1].partition('=')[2])\n"
)
_LAUNCH = (
    "import pathlib, sys; from training import launch;"
    "sys.exit(launch.main(sys.argv[2:], pathlib.Path(sys.argv[1])))"
)


def start(tmp_path, program, *flags, count=2, before="", **options):
    script = tmp_path / "program.py"
    script.write_text(_BEGIN + program)
    command = [sys.executable, "-c", before + _LAUNCH, str(script)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*command, f"--num_workers={count}", "--", *flags],
        cwd=processes.ROOT,
        text=True,
        **pipes | options,
    )


def test_workers_get_their_flags_and_lines_their_prefix(tmp_path):
    program = (
        "print(*sys.argv[1:])\n"
        "print('no end of line', file=sys.stderr, end='')\n"
    )
    process = start(tmp_path, program, "--epochs=3", "--model=lesson", count=3)
    output, error = process.communicate(timeout=300)
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
    _, error = process.communicate(timeout=300)
    assert process.returncode == status
    assert told in error


def test_who_failed_because_of_another_is_not_the_cause(tmp_path):
    lost = errors.WORKER_LOST_STATUS
    program = f"if not index: sys.exit({lost})\ntime.sleep(.5)\nsys.exit(4)\n"
    process = start(tmp_path, program)
    with processes.ended_after(process):
        _, error = process.communicate(timeout=300)
    assert process.returncode == 4
    assert error.splitlines() == [
        "Worker 1 has ended with status 4; the others are ended, too."
    ]


@pytest.mark.parametrize(
    "signum, passed",
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGTERM),
    ],
)
def test_signals_are_passed_on_once_and_waited_for(signum, passed, tmp_path):
    program = (
        "seen = []\n"
        f"signal.signal({passed}, lambda *_: seen.append(1))\n"
        "print('ready')\n"
        "while not seen: time.sleep(.01)\n"
        "time.sleep(.5)\n"
        "print('written', len(seen))\n"
        f"sys.exit(128 + {int(passed)})\n"
    )
    process = start(tmp_path, program)
    with processes.ended_after(process):
        for _ in range(2):
            assert process.stdout.readline().endswith("ready\n")
        process.send_signal(signum)
        output, error = process.communicate(timeout=300)
    assert sorted(output.splitlines()) == ["[0] written 1", "[1] written 1"]
    assert process.returncode == 128 + passed
    assert error == ""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_signal_while_workers_start_leaves_none(signum, tmp_path):
    before = f"""
import os, subprocess
class Popen(subprocess.Popen):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        print(self.pid, flush=True)
        os.kill(os.getpid(), {int(signum)})
subprocess.Popen = Popen
"""
    process = start(tmp_path, "time.sleep(600)\n", before=before)
    with processes.ended_after(process) as left:
        output, _ = process.communicate(timeout=300)
        left.update(map(int, output.split()))
        for pid in left:
            processes.wait_until(lambda pid=pid: not processes.is_alive(pid))
    assert process.returncode == 128 + signal.SIGTERM


def test_hangup_is_ignored_under_nohup(tmp_path):
    program = "print('ready')\ntime.sleep(.5)\nprint('done')\n"
    process = start(
        tmp_path,
        program,
        count=1,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    with processes.ended_after(process):
        assert process.stdout.readline() == "[0] ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=300)[0] == "[0] done\n"
    assert process.returncode == 0


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGABRT])
@pytest.mark.parametrize("has_prctl", [True, False])
def test_workers_end_with_the_launcher(signum, has_prctl, tmp_path):
    program = "print(os.getpid())\ntime.sleep(600)\n"
    if not has_prctl:
        # As on macOS: the pipe alone.
        program = (
            "import ctypes\n"
            "ctypes.CDLL(None).prctl(1, 0)\n"  # PR_SET_PDEATHSIG
        ) + program
    process = start(tmp_path, program)
    with processes.ended_after(process) as left:
        left.update(int(process.stdout.readline()[3:]) for _ in range(2))
        process.send_signal(signum)
        for pid in left:
            processes.wait_until(lambda pid=pid: not processes.is_alive(pid))


_SPEAKS = "for n in range(20_000): print('x' * 100)\nsys.exit(index * 3)\n"


def test_gone_reader_does_not_stop_workers(tmp_path):
    process = start(tmp_path, _SPEAKS)
    with processes.ended_after(process):
        process.stdout.readline()
        process.stdout.close()
        # The last worker's own status, and no complaint when Python ends.
        assert process.wait(60) == 3
        assert process.stderr.read() == (
            "Worker 1 has ended with status 3; the others are ended, too.\n"
        )
        process.stdout = None


@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_output_that_cannot_be_written_does_not_stop_workers(where, tmp_path):
    options = {"preexec_fn": lambda: os.close(1), "stdout": None}
    if where != "closed":
        options = {"stdout": open(where, "w")}
    process = start(tmp_path, _SPEAKS, **options)
    with processes.ended_after(process):
        assert process.wait(60) == 3


def test_workers_get_a_key_of_their_own(tmp_path):
    program = "print(os.environ['XRAY_TFDS_CLUSTER_KEY'], sys.argv)\n"
    keys = []
    for _ in range(2):
        process = start(tmp_path, program)
        with processes.ended_after(process):
            output, _ = process.communicate(timeout=300)
        said = [line.split(maxsplit=2)[1:] for line in output.splitlines()]
        assert said[0][0] == said[1][0]
        assert len(said[0][0]) >= 32
        assert said[0][0] not in said[0][1]
        keys.append(said[0][0])
    assert keys[0] != keys[1]


def test_worker_that_does_not_end_is_killed(tmp_path):
    program = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid())\n"
        "if index: time.sleep(.5); sys.exit(3)\n"
        "time.sleep(600)\n"
    )
    before = "from training import launch; launch._GRACE_SECONDS = 1;"
    process = start(tmp_path, program, before=before)
    with processes.ended_after(process):
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 3
    for line in output.splitlines():
        pid = int(line.split()[1])
        processes.wait_until(lambda pid=pid: not processes.is_alive(pid))


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
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 2
    assert message in process.stderr


def test_status_above_those_of_signals_is_told_as_it_is(tmp_path):
    process = start(tmp_path, "sys.exit(200 if index else 0)\n")
    _, error = process.communicate(timeout=300)
    assert process.returncode == 200
    assert "Worker 1 has ended with status 200" in error
    assert "Traceback" not in error

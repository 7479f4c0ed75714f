"""Workers that neither hear signals nor learn of others end all the same."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import types

import pytest

from tests.helpers import processes
from training import errors as errors_lib
from training.cluster import addresses as addresses_lib
from training.cluster import guard
from training.cluster import rendezvous

# In the place of train.py, with something else than training to do.
_PROGRAM = """
import ctypes, fcntl, json, os, signal, sys, termios, time
from training import children, errors
from training.cluster import addresses, channel as channel_lib, guard
children.end_with_parent()
index, workers = int(sys.argv[1]), tuple(sys.argv[2].split(","))
cluster = addresses.Cluster(workers, index)
if guard.is_needed(cluster):
    command = [sys.executable, *sys.orig_argv[1:]]
    started_in = os.getcwd()
    # As from within the folder of images, which is left.
    os.chdir("/")
    if sys.argv[3] == "close":
        channel_lib.GRACE_SECONDS = .2
    try:
        sys.exit(guard.run(command, cluster, 60, directory=started_in))
    except errors.WorkerLostError as error:
        print(error, file=sys.stderr)
        sys.exit(error.status)
channel = guard.open_channel(cluster, 60)
def be_deaf():
    # As TensorFlow while it connects: Python's lock is held.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    print(os.getpid(), flush=True)
    ctypes.PyDLL(None).sleep(3600)
def tell():
    print(json.dumps(dict(os.environ)), flush=True)
    channel.close()
def close():
    channel.close()
    if index:
        time.sleep(1)
    print("closed", flush=True)
def write():
    channel.mark_connected()
    # Until the guard has read it, a signal kills.
    while fcntl.ioctl(channel._stage, termios.FIONREAD, bytes(4)) != bytes(4):
        time.sleep(.01)
    seen = []
    signal.signal(signal.SIGTERM, lambda *args: seen.append(1))
    print("ready", flush=True)
    while not seen:
        time.sleep(.01)
    print("written", flush=True)
    os._exit(143)
globals()[sys.argv[3]]()
"""


def start(whats, environ=None):
    """Starts a worker for each thing that it is to do."""
    ports = processes.free_ports(len(whats))
    workers = ",".join(f"localhost:{port}" for port in ports)
    return [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(index), workers, what],
            cwd=processes.ROOT,
            env=os.environ | (environ or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index, what in enumerate(whats)
    ]


@pytest.mark.parametrize("chief", [0, 1])
def test_deaf_worker_ends_when_another_dies(chief):
    workers = start(["be_deaf", "be_deaf"])
    with processes.ended_after(*workers):
        # Both are, before one dies: a worker that another's end finds while it
        # still starts is ended before it says anything.
        pids = [int(worker.stdout.readline()) for worker in workers]
        deaf = pids[1 - chief]
        os.kill(pids[chief], signal.SIGKILL)
        # What is promised: within half a minute.
        error = workers[1 - chief].communicate(timeout=300)[1]
        status = workers[1 - chief].returncode
        assert status == errors_lib.WORKER_LOST_STATUS
        assert f"Worker {chief} (localhost:" in error
        assert not processes.is_alive(deaf)
        assert workers[chief].wait(30) == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
)
def test_deaf_worker_ends_by_a_signal(signum):
    workers = start(["be_deaf", "be_deaf"])
    with processes.ended_after(*workers):
        deaf = int(workers[0].stdout.readline())
        workers[0].send_signal(signum)
        error = workers[0].communicate(timeout=300)[1]
        assert workers[0].returncode in (-signum, 128 + signum), error
        assert not processes.is_alive(deaf)


@pytest.mark.parametrize("what", ["be_deaf", "write"])
def test_worker_ends_with_its_guard(what):
    workers = start([what, what])
    with processes.ended_after(*workers):
        for worker in workers:
            worker.stdout.readline()
        (child,) = processes.children_of(workers[0].pid)
        workers[0].kill()
        processes.wait_until(lambda: not processes.is_alive(child))
        _, stderr = workers[1].communicate(timeout=300)
        assert workers[1].returncode == errors_lib.WORKER_LOST_STATUS, stderr


def test_end_of_worker_and_peer_may_be_seen_at_once():
    """The worker has ended by itself, so that its status counts."""
    stage, told = os.pipe()
    own, peer = socket.socketpair()
    os.close(told)
    peer.close()

    class Worker:
        returncode = None

        def poll(self):
            # Both ends are seen by the one look in between.
            before, self.returncode = self.returncode, 76
            return before

    children = types.SimpleNamespace(received=[])
    with own, open(stage, "rb", buffering=0) as pipe:
        watching = guard._Guard(children, Worker(), {1: own}, pipe)
        watching.wait()
        assert watching.status(("a:1", "b:2")) == 76


def test_connected_worker_gets_signals_and_says_how_it_ended():
    workers = start(["write", "write"])
    with processes.ended_after(*workers):
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        workers[0].send_signal(signal.SIGTERM)
        assert workers[0].stdout.readline() == "written\n"
        assert workers[0].wait(30) == 143


def test_worker_that_has_closed_is_not_lost_when_others_end_before_it():
    workers = start(["close", "close"])
    with processes.ended_after(*workers):
        for worker in workers:
            assert worker.communicate(timeout=300)[0] == "closed\n"
            assert worker.returncode == 0


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, "localhost"),
        ({"no_proxy": "a,b"}, "a,b,localhost"),
        ({"no_proxy": "a", "no_grpc_proxy": "c"}, "c,localhost"),
    ],
)
def test_workers_are_reached_without_a_proxy(given, expected):
    environ = {"no_proxy": "", "no_grpc_proxy": "", **given}
    workers = start(["tell", "tell"], environ)
    with processes.ended_after(*workers):
        told = json.loads(workers[0].communicate(timeout=300)[0])
    assert told["no_grpc_proxy"] == expected
    assert told["no_proxy"] == environ["no_proxy"]


def test_worker_does_not_inherit_the_key():
    workers = start(["tell", "tell"], {"XRAY_TFDS_CLUSTER_KEY": "secret"})
    with processes.ended_after(*workers):
        for worker in workers:
            output, error = worker.communicate(timeout=300)
            assert "secret" not in output
            assert error == ""


@pytest.fixture
def connecting(image_tree, tmp_path):
    """A chief, and the connection of its only worker, played by the test."""
    workers = tuple(f"localhost:{port}" for port in processes.free_ports(2))
    chief = subprocess.Popen(
        [
            sys.executable,
            "train.py",
            f"--images_dir={image_tree}",
            f"--data_dir={tmp_path}",
            "--strategy=multi_worker",
            f"--workers={','.join(workers)}",
            "--worker_index=0",
        ],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with processes.ended_after(chief):
        cluster = addresses_lib.Cluster(workers, 1)
        (connection,) = rendezvous.connect(cluster, 60).values()
        with connection:
            yield chief, connection, cluster.host_and_port(0)[1]


def _wait_for_tensorflow(port):
    """Waits until TensorFlow has begun to connect: its server listens."""

    def is_open():
        try:
            socket.create_connection(("localhost", port), timeout=5).close()
        except OSError:
            return False
        return True

    processes.wait_until(is_open, 120)


def _is_loading(guard):
    for child in processes.children_of(guard):
        if "libtensorflow" in pathlib.Path(f"/proc/{child}/maps").read_text():
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["begins", "loads", "connects"])
def test_death_before_the_workers_are_connected(connecting, stage):
    chief, connection, port = connecting
    if stage == "loads":
        processes.wait_until(lambda: _is_loading(chief.pid))
    if stage == "connects":
        _wait_for_tensorflow(port)
    connection.close()
    # What is promised: within half a minute.
    error = chief.communicate(timeout=300)[1]
    assert chief.returncode == errors_lib.WORKER_LOST_STATUS
    assert "Worker 1 (localhost:" in error
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_tensorflow_connects(connecting, signum):
    chief, _, port = connecting
    _wait_for_tensorflow(port)
    chief.send_signal(signum)
    error = chief.communicate(timeout=300)[1]
    assert chief.returncode == 128 + signum
    assert "Traceback" not in error

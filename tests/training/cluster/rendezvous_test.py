"""Workers that meet, agree, and notice each other's end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf

from tests.helpers import processes
from training import errors as errors_lib
from training.cluster import addresses as addresses_lib
from training.cluster import frames
from training.cluster import handshake
from training.cluster import rendezvous


def make_clusters(count=3):
    workers = tuple(f"localhost:{port}" for port in processes.free_ports(count))
    return [addresses_lib.Cluster(workers, i) for i in range(count)]


def meet(cluster, timeout=30):
    """Meets as the workers do; who is lost does not end the tests' process."""
    return rendezvous.meet(cluster, timeout, on_lost=lambda message: None)


def in_threads(function, arguments):
    """Calls a function for each argument at once; returns values or errors."""
    results = [None] * len(arguments)

    def call(place, argument):
        try:
            results[place] = function(argument)
        except (ValueError, errors_lib.WorkerLostError) as error:
            results[place] = error

    threads = [
        threading.Thread(target=call, args=pair, daemon=True)
        for pair in enumerate(arguments)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.fixture
def channels():
    return in_threads(meet, make_clusters())


def test_process_on_its_own_needs_no_socket():
    channel = rendezvous.meet(None)
    assert channel.is_chief and channel.num_workers == 1
    assert channel.broadcast(b"x") == b"x"
    channel.agree("the options", "1")
    channel.close()


def test_everyone_gets_what_the_chief_says_and_all_leave_together(channels):
    assert [c.is_chief for c in channels] == [True, False, False]
    large = bytes(range(256)) * 20_000

    def work(channel):
        first = channel.broadcast(large if channel.is_chief else None)
        channel.agree("the options", "same")
        second = channel.broadcast(b"" if channel.is_chief else None)
        channel.close()
        return first == large, second

    assert in_threads(work, channels) == [(True, b"")] * 3


def test_disagreement_fails_on_all_and_names_who(channels):
    def work(channel):
        channel.agree("the images", "b" if channel is channels[2] else "a")

    errors = in_threads(work, channels)
    for error in errors:
        assert isinstance(error, ValueError)
        assert "the images of worker 2 (localhost:" in str(error)


@pytest.mark.parametrize("failing", [1, 2])
def test_failure_of_one_fails_who_waits_for_any(channels, failing):
    """The chief waits for the others in turn: also for who only listens."""

    def work(channel):
        if channel is channels[failing]:
            channel.fail("its disk is full")
        else:
            (
                channel.broadcast(None)
                if not channel.is_chief
                else (channel.agree("the options", "x"))
            )

    errors = in_threads(work, channels)
    assert errors.pop(failing) is None
    assert [str(error) for error in errors] == ["its disk is full"] * 2


def test_missing_worker_is_named_on_all_that_came():
    clusters = make_clusters()
    errors = in_threads(lambda c: meet(c, 1.5), clusters[:2])
    for error in errors:
        assert f"worker 2 ({clusters[0].workers[2]}) did not come" in str(error)


def test_missing_chief_is_told():
    (error,) = in_threads(lambda c: meet(c, 1), make_clusters()[1:2])
    assert "chief, localhost:" in str(error)
    assert "could not be reached within 1 s" in str(error)


def test_another_list_of_workers_is_refused_on_all():
    clusters = make_clusters()
    changed = (*clusters[0].workers[:2], "localhost:1")
    clusters[1] = addresses_lib.Cluster(changed, 1)
    errors = in_threads(lambda c: meet(c, 20), clusters[:2])
    for error in errors:
        assert "Worker 1 was started with other workers" in str(error)


def test_same_index_twice_is_refused_on_all():
    clusters = make_clusters()
    errors = in_threads(
        lambda c: meet(c, 20), [clusters[0], clusters[1], clusters[1]]
    )
    for error in errors:
        assert "Two workers were started with index 1" in str(error)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(handshake.KEY_VARIABLE, "a secret")
    return b"a secret"


def _greet(key, **said):
    """Returns what connects and says something after the handshake."""

    def greet(port):
        connection = socket.create_connection(("localhost", port))
        deadline = time.monotonic() + 30
        handshake.prove_as_worker(connection, key, deadline)
        frames.send(connection, frames.DATA, json.dumps(said).encode())
        return connection

    return greet


def _write(data):
    def write(port):
        connection = socket.create_connection(("localhost", port))
        connection.sendall(data)
        return connection

    return write


@pytest.mark.parametrize(
    "stranger",
    [
        _write(b"GET / HTTP/1.1\r\n\r\n"),
        _write(b"\0" * 64),
        _write(b"data" + (2**36).to_bytes(8, "big") + b"x" * 1000),
        _greet(b"a secret", index=1, workers=5),
        _greet(b"a secret", index=9, workers=["a:1", "b:1"]),
        _greet(b"a secret", index="1", workers=["a:1", "b:1"]),
        _greet(b"a secret", workers=[]),
    ],
    ids=["http", "zeros", "huge", "type", "index", "text", "no_index"],
)
def test_strangers_keep_no_one_from_meeting(stranger, key, capsys):
    clusters = make_clusters(2)
    port = clusters[0].host_and_port(0)[1]

    def work(place):
        if place == 0:
            return meet(clusters[0])
        connection = processes.wait_until(lambda: _try(stranger, port))
        with connection:
            # It is dropped, and only then comes the worker.
            connection.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass
            return meet(clusters[1])

    chief, worker = in_threads(work, [0, 1])
    assert [chief.num_workers, worker.num_workers] == [2, 2]
    in_threads(lambda c: c.close(), [chief, worker])
    assert "1 connections were dropped" in capsys.readouterr().err


def test_silent_stranger_is_not_waited_for(key):
    clusters = make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    chief = threading.Thread(target=lambda: found.append(meet(clusters[0])))
    found = []
    chief.start()
    with processes.wait_until(lambda: _try(_write(b""), port)):
        found.append(meet(clusters[1]))
        chief.join(30)
    in_threads(lambda c: c.close(), found)
    assert len(found) == 2


def _try(stranger, port):
    try:
        return stranger(port)
    except ConnectionRefusedError:  # The chief does not listen yet.
        return None


def test_stranger_without_the_key_takes_no_ones_place(key):
    clusters = make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    intrude = _greet(b"", index=1, workers=clusters[0].workers)

    def work(place):
        if place == 0:
            return meet(clusters[0])
        with pytest.raises(handshake.WrongKeyError):
            processes.wait_until(lambda: _try(intrude, port))
        return meet(clusters[1])

    chief, worker = in_threads(work, [0, 1])
    assert worker.num_workers == 2
    in_threads(lambda c: c.close(), [chief, worker])


def test_chief_takes_no_message_as_large_as_a_checkpoint(channels):
    chief, worker, _ = channels
    worker._peers[0].sendall(b"data" + (2**36).to_bytes(8, "big"))
    with pytest.raises(errors_lib.WorkerLostError, match="Worker 1"):
        chief.broadcast(b"x")
        chief.agree("the options", "x")


@pytest.mark.parametrize(
    "name", ["AbortedError", "DeadlineExceededError", "UnavailableError"]
)
def test_tensorflows_words_for_a_lost_worker_are_translated(channels, name):
    with pytest.raises(errors_lib.WorkerLostError, match="does not answer"):
        with channels[1].translating_errors():
            raise getattr(tf.errors, name)(None, None, "Collective ops")


def test_other_errors_of_tensorflow_stay(channels):
    with pytest.raises(tf.errors.InvalidArgumentError):
        with channels[1].translating_errors():
            raise tf.errors.InvalidArgumentError(None, None, "Shapes differ")
    with pytest.raises(tf.errors.AbortedError):
        with rendezvous.meet(None).translating_errors():
            raise tf.errors.AbortedError(None, None, "no other worker")


def test_port_that_tensorflow_cannot_have_is_named(channels):
    with pytest.raises(ValueError, match="Received: localhost:"):
        with channels[1].translating_errors():
            raise tf.errors.UnknownError(
                None, None, "Could not start gRPC server"
            )


def test_chief_listens_at_its_own_address_alone():
    (port,) = processes.free_ports(1)
    with frames.listen("localhost", port) as listener:
        host = listener.getsockname()[0]
    assert host in ("127.0.0.1", "::1")


def test_chief_listens_where_its_address_is_not_its_machines():
    # TEST-NET-1 of RFC 5737: as behind the network of a container.
    (port,) = processes.free_ports(1)
    with frames.listen("192.0.2.1", port) as listener:
        assert listener.getsockname()[1] == port


def test_worker_that_dies_while_others_are_awaited_ends_them(key):
    clusters = make_clusters(3)
    port = clusters[0].host_and_port(0)[1]
    greet = _greet(key, index=2, workers=clusters[2].workers)

    def work(place):
        if place == 0:
            return meet(clusters[0])
        processes.wait_until(lambda: _try(greet, port)).close()

    error, _ = in_threads(work, [0, 1])
    assert isinstance(error, errors_lib.WorkerLostError)
    assert "Worker 2 (localhost:" in str(error)
    assert "before all workers had started" in str(error)


_WORKER = """
import os, signal, sys, threading, time
from training.cluster import addresses, rendezvous

index, workers, what = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3]
channel = rendezvous.meet(addresses.Cluster(tuple(workers), index), 60)
print("met", flush=True)
if what == "quiet":
    # As while TensorFlow loads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
if what in ("wait", "quiet"):
    # As in a collective: nothing that Python could interrupt.
    threading.Event().wait()
if what == "slow" and index:
    time.sleep(1)
if what == "die" and not index:
    # The others have said goodbye by then.
    channel._send = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
channel.close()
"""


def start_workers(count, what, cluster=None, index=0):
    """Starts workers that meet, from the one with an index on."""
    cluster = cluster or make_clusters(count)[0]
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _WORKER,
                str(index + number),
                ",".join(cluster.workers),
                what,
            ],
            cwd=processes.ROOT,
            env={**os.environ, handshake.KEY_VARIABLE: "a secret"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    "victim, what", [(0, "wait"), (2, "wait"), (2, "quiet")]
)
def test_death_of_a_worker_ends_all_others(victim, what):
    workers = start_workers(3, what)
    with processes.ended_after(*workers):
        for process in workers:
            assert process.stdout.readline() == "met\n"
        workers[victim].send_signal(signal.SIGKILL)
        for index, process in enumerate(workers):
            # What is promised: within half a minute.
            error = process.communicate(timeout=30)[1]
            if index == victim:
                assert process.returncode == -signal.SIGKILL
                continue
            assert process.returncode == errors_lib.WORKER_LOST_STATUS
            assert f"Worker {victim} (localhost:" in error
            assert "resumes from the last checkpoint" in error


def test_death_of_the_chief_ends_workers_that_are_closing():
    workers = start_workers(3, "die")
    with processes.ended_after(*workers):
        for process in workers[1:]:
            error = process.communicate(timeout=30)[1]
            assert process.returncode == errors_lib.WORKER_LOST_STATUS
            assert "Worker 0 (localhost:" in error


def test_worker_with_another_key_is_told_so():
    clusters = make_clusters(2)
    (chief,) = start_workers(1, "wait", clusters[0])
    with processes.ended_after(chief):
        # This process has none.
        (error,) = in_threads(meet, clusters[1:])
    assert "has another XRAY_TFDS_CLUSTER_KEY than this worker" in str(error)


def test_worker_that_comes_again_is_told_that_training_goes_on():
    clusters = make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    # In the place of TensorFlow's server, which does not know the protocol.
    with socket.create_server(("localhost", port)) as server:

        def serve(_):
            for _ in range(3):
                connection, _ = server.accept()
                connection.close()

        errors = in_threads(
            lambda work: work(),
            [lambda: meet(clusters[1], 0.3), lambda: serve(None)],
        )
    assert "If it trains already, a worker cannot join it" in str(errors[0])


def test_workers_that_end_in_order_are_not_missed():
    workers = start_workers(3, "slow")
    with processes.ended_after(*workers):
        for process in workers:
            output, error = process.communicate(timeout=60)
            assert (process.returncode, error) == (0, "")

"""Workers that meet, whoever else is at the door."""

import contextlib
import json
import socket
import threading
import time

import pytest

from tests.helpers import clusters as clusters_lib
from tests.helpers import processes
from training import errors as errors_lib
from training.cluster import addresses as addresses_lib
from training.cluster import frames
from training.cluster import handshake


def test_missing_worker_is_named_on_all_that_came():
    clusters = clusters_lib.make_clusters()
    errors = clusters_lib.in_threads(
        lambda c: clusters_lib.meet(c, 1.5), clusters[:2]
    )
    for error in errors:
        assert f"worker 2 ({clusters[0].workers[2]}) did not come" in str(error)


def test_missing_chief_is_told():
    (error,) = clusters_lib.in_threads(
        lambda c: clusters_lib.meet(c, 1), clusters_lib.make_clusters()[1:2]
    )
    assert "chief, localhost:" in str(error)
    assert "could not be reached within 1 s" in str(error)


def test_another_list_of_workers_is_refused_on_all():
    clusters = clusters_lib.make_clusters()
    changed = (*clusters[0].workers[:2], "localhost:1")
    clusters[1] = addresses_lib.Cluster(changed, 1)
    errors = clusters_lib.in_threads(
        lambda c: clusters_lib.meet(c, 20), clusters[:2]
    )
    for error in errors:
        assert "Worker 1 was started with other workers" in str(error)


def test_same_index_twice_is_refused_on_all():
    clusters = clusters_lib.make_clusters()
    errors = clusters_lib.in_threads(
        lambda c: clusters_lib.meet(c, 20),
        [clusters[0], clusters[1], clusters[1]],
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
    clusters = clusters_lib.make_clusters(2)
    port = clusters[0].host_and_port(0)[1]

    def work(place):
        if place == 0:
            return clusters_lib.meet(clusters[0])
        connection = processes.wait_until(lambda: _try(stranger, port))
        with connection:
            # It is dropped, and only then comes the worker.
            connection.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass
            return clusters_lib.meet(clusters[1])

    chief, worker = clusters_lib.in_threads(work, [0, 1])
    assert [chief.num_workers, worker.num_workers] == [2, 2]
    clusters_lib.in_threads(lambda c: c.close(), [chief, worker])
    assert "1 connections were dropped" in capsys.readouterr().err


def test_silent_stranger_is_not_waited_for(key):
    clusters = clusters_lib.make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    chief = threading.Thread(
        target=lambda: found.append(clusters_lib.meet(clusters[0]))
    )
    found = []
    chief.start()
    with processes.wait_until(lambda: _try(_write(b""), port)):
        found.append(clusters_lib.meet(clusters[1]))
        chief.join(30)
    clusters_lib.in_threads(lambda c: c.close(), found)
    assert len(found) == 2


def _try(stranger, port):
    try:
        return stranger(port)
    except ConnectionRefusedError:  # The chief does not listen yet.
        return None


def test_stranger_without_the_key_takes_no_ones_place(key):
    clusters = clusters_lib.make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    intrude = _greet(b"", index=1, workers=clusters[0].workers)

    def work(place):
        if place == 0:
            return clusters_lib.meet(clusters[0])
        with pytest.raises(handshake.WrongKeyError):
            processes.wait_until(lambda: _try(intrude, port))
        return clusters_lib.meet(clusters[1])

    chief, worker = clusters_lib.in_threads(work, [0, 1])
    assert worker.num_workers == 2
    clusters_lib.in_threads(lambda c: c.close(), [chief, worker])


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
    clusters = clusters_lib.make_clusters(3)
    port = clusters[0].host_and_port(0)[1]
    greet = _greet(key, index=2, workers=clusters[2].workers)

    def work(place):
        if place == 0:
            return clusters_lib.meet(clusters[0])
        processes.wait_until(lambda: _try(greet, port)).close()

    error, _ = clusters_lib.in_threads(work, [0, 1])
    assert isinstance(error, errors_lib.WorkerLostError)
    assert "Worker 2 (localhost:" in str(error)
    assert "before all workers had started" in str(error)


def test_worker_with_another_key_is_told_so():
    clusters = clusters_lib.make_clusters(2)
    (chief,) = clusters_lib.start_workers(1, "wait", clusters[0])
    with processes.ended_after(chief):
        # This process has none.
        (error,) = clusters_lib.in_threads(clusters_lib.meet, clusters[1:])
    assert "has another XRAY_TFDS_CLUSTER_KEY than this worker" in str(error)


def test_worker_that_comes_again_is_told_that_training_goes_on():
    clusters = clusters_lib.make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    # In the place of TensorFlow's server, which does not know the protocol.
    with socket.create_server(("localhost", port)) as server:

        def serve(_):
            for _ in range(3):
                connection, _ = server.accept()
                connection.close()

        errors = clusters_lib.in_threads(
            lambda work: work(),
            [lambda: clusters_lib.meet(clusters[1], 0.3), lambda: serve(None)],
        )
    assert "If it trains already, a worker cannot join it" in str(errors[0])

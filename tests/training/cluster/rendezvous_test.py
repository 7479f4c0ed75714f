"""Workers that meet, agree, and notice each other's end."""

import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from tests.training.cluster.addresses_test import free_ports
from training import errors as errors_lib
from training.cluster import addresses as addresses_lib
from training.cluster import rendezvous

ROOT = pathlib.Path(__file__).parents[3]


def make_clusters(count=3):
    workers = tuple(f"localhost:{port}" for port in free_ports(count))
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
        except ValueError as error:
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


def test_strangers_keep_no_one_from_meeting():
    clusters = make_clusters(2)
    port = clusters[0].host_and_port(0)[1]
    strangers = []

    def knock():
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64):
            for _ in range(100):
                try:
                    stranger = socket.create_connection(("localhost", port))
                except OSError:
                    continue
                stranger.sendall(data)
                strangers.append(stranger)
                break

    def work(item):
        if item is None:
            return knock()
        return meet(item)

    found = in_threads(work, [clusters[0], None, clusters[1]])
    assert [found[0].num_workers, found[2].num_workers] == [2, 2]
    in_threads(lambda c: c.close(), [found[0], found[2]])


_WORKER = """
import sys, threading, time
from training.cluster import addresses, rendezvous

index, workers = int(sys.argv[1]), tuple(sys.argv[2].split(","))
channel = rendezvous.meet(addresses.Cluster(workers, index), 60)
print("met", flush=True)
if sys.argv[3] == "wait":
    # As in a collective: nothing that Python could interrupt.
    threading.Event().wait()
elif sys.argv[3] == "slow" and index:
    time.sleep(1)
channel.close()
"""


def start_workers(count, what):
    workers = ",".join(f"localhost:{port}" for port in free_ports(count))
    return [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(index), workers, what],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


@pytest.mark.parametrize("victim", [0, 2])
def test_death_of_a_worker_ends_all_others(victim):
    processes = start_workers(3, "wait")
    for process in processes:
        assert process.stdout.readline() == "met\n"
    processes[victim].send_signal(signal.SIGKILL)
    for index, process in enumerate(processes):
        # What is promised: within half a minute.
        error = process.communicate(timeout=30)[1]
        if index == victim:
            assert process.returncode == -signal.SIGKILL
            continue
        assert process.returncode == errors_lib.WORKER_LOST_STATUS
        assert f"Worker {victim} (localhost:" in error
        assert "goes on from the last checkpoint" in error


def test_workers_that_end_in_order_are_not_missed():
    for process in start_workers(3, "slow"):
        output, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, "")

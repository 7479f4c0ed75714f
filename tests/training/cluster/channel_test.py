"""Workers that agree, and notice each other's end."""

import signal

import pytest
import tensorflow as tf

from tests.helpers import clusters as clusters_lib
from tests.helpers import processes
from training import errors as errors_lib
from training.cluster import rendezvous


@pytest.fixture
def channels():
    return clusters_lib.in_threads(
        clusters_lib.meet, clusters_lib.make_clusters()
    )


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

    assert clusters_lib.in_threads(work, channels) == [(True, b"")] * 3


def test_disagreement_fails_on_all_and_names_who(channels):
    def work(channel):
        channel.agree("the images", "b" if channel is channels[2] else "a")

    errors = clusters_lib.in_threads(work, channels)
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

    errors = clusters_lib.in_threads(work, channels)
    assert errors.pop(failing) is None
    assert [str(error) for error in errors] == ["its disk is full"] * 2


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


@pytest.mark.parametrize(
    "victim, what", [(0, "wait"), (2, "wait"), (2, "quiet")]
)
def test_death_of_a_worker_ends_all_others(victim, what):
    workers = clusters_lib.start_workers(3, what)
    with processes.ended_after(*workers):
        for process in workers:
            assert process.stdout.readline() == "met\n"
        workers[victim].send_signal(signal.SIGKILL)
        for index, process in enumerate(workers):
            # What is promised: within half a minute.
            error = process.communicate(timeout=300)[1]
            if index == victim:
                assert process.returncode == -signal.SIGKILL
                continue
            assert process.returncode == errors_lib.WORKER_LOST_STATUS
            assert f"Worker {victim} (localhost:" in error
            assert "resumes from the last checkpoint" in error


def test_death_of_the_chief_ends_workers_that_are_closing():
    workers = clusters_lib.start_workers(3, "die")
    with processes.ended_after(*workers):
        for process in workers[1:]:
            error = process.communicate(timeout=300)[1]
            assert process.returncode == errors_lib.WORKER_LOST_STATUS
            assert "Worker 0 (localhost:" in error


def test_workers_that_end_in_order_are_not_missed():
    workers = clusters_lib.start_workers(3, "slow")
    with processes.ended_after(*workers):
        for process in workers:
            output, error = process.communicate(timeout=300)
            assert (process.returncode, error) == (0, "")

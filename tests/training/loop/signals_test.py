"""Signals as requests to stop."""

import signal
import threading

import pytest

from training.loop import signals


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_to_stop(signum):
    before = signal.getsignal(signum)
    with signals.stop_on_signals() as stop:
        assert not stop and stop.signum is None
        signal.raise_signal(signum)
        assert stop
        assert stop.signum == signum
    assert signal.getsignal(signum) == before


@pytest.fixture
def python_sigint():
    """Python's own Ctrl-C, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_sigint")
def test_second_signal_acts_as_before():
    with pytest.raises(KeyboardInterrupt):
        with signals.stop_on_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_put_back_after_an_error():
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError):
        with signals.stop_on_signals():
            raise ZeroDivisionError
    after = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert before == after


def test_other_threads_go_without():
    stops = []

    def work():
        with signals.stop_on_signals() as stop:
            stops.append(stop)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(stops) == 1 and not stops[0]

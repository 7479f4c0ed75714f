"""Signals to child processes on systems that send none (simulated)."""

import os
import signal
import subprocess

import pytest

from training import children as children_lib


class Process:
    """A child that notes what it is sent."""

    def __init__(self, command, **options):
        self.signals = []

    def send_signal(self, signum):
        self.signals.append(signum)

    def kill(self):
        """It has ended."""

    wait = kill


@pytest.mark.parametrize(
    "system, sent", [("posix", [signal.SIGINT]), ("nt", [])]
)
def test_ctrl_c_is_passed_on_where_the_console_does_not(
    system, sent, monkeypatch
):
    monkeypatch.setattr(subprocess, "Popen", Process)
    with children_lib.Children() as children:
        process = children.start(["program"])
        with monkeypatch.context() as patched:
            patched.setattr(os, "name", system)
            signal.raise_signal(signal.SIGINT)
    assert children.received == [signal.SIGINT]
    assert process.signals == sent


def test_signals_that_a_system_lacks_are_not_waited_for(monkeypatch):
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with children_lib.Children():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before

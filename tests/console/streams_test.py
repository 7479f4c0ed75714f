"""Terminals, notebooks and logs: simulated, but for what a stream encodes."""

import io
import sys
import types

import pytest

from console import streams


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run_in(monkeypatch, config):
    """Has this process be one of IPython's, with a configuration."""
    shell = types.SimpleNamespace(config=config)
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)


def test_log_is_not_live_and_a_terminal_is():
    assert not streams.is_live(io.StringIO())
    assert streams.is_live(Terminal())


def test_notebook_is_live_although_it_is_no_terminal(monkeypatch):
    run_in(monkeypatch, {"IPKernelApp": {}})
    assert streams.in_notebook()
    assert streams.is_live(io.StringIO())


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch):
    run_in(monkeypatch, {"TerminalIPythonApp": {}})
    assert not streams.in_notebook()


def test_ipython_that_was_only_imported_is_no_notebook(monkeypatch):
    ipython = types.SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not streams.in_notebook()


@pytest.mark.parametrize(
    "encoding, shown",
    [
        ("cp1252", b"caf\xe9 \\u5f71"),
        ("ascii", b"caf\\xe9 \\u5f71"),
        ("utf-8", "caf\xe9 \u5f71".encode()),
    ],
)
def test_what_a_code_page_does_not_hold_is_spelled_out(
    encoding, shown, monkeypatch
):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding))
    # As under `pythonw`.
    monkeypatch.setattr(sys, "stderr", None)
    streams.escape_unencodable()
    print("caf\xe9 \u5f71", end="", flush=True)
    assert printed.getvalue() == shown

"""A Python that has loaded TensorFlow already, for programs and their pages.

Each of a hundred commands would load TensorFlow for seconds. Here a process
that has loaded it is forked for each of them, so that a command runs as its
user types it, also in a shell, from the first line of its program to its exit
status. Only for Linux.

    subprocess.run(["sh", "-c", commands], env=warm_python.environment())
"""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import pytest

from tests.helpers import processes

HAS_FORK = hasattr(os, "pidfd_open")
# Marks the tests that need it.
needs_fork = pytest.mark.skipif(
    not HAS_FORK, reason="a warm Python is forked on Linux"
)

# What stands behind the programs, and takes long to import.
_MODULES = (
    # First: `xray_tfds` amends it, if it is there.
    "tensorflow_datasets.scripts.cli.build",
    "inference.evidence",
    "inference.exports.exporting",
    "inference.predicting",
    "migration",
    "tensorflow_datasets",
    "training.loop",
    "xray_tfds",
)
_LENGTH = struct.Struct("!I")
_MAX_FILES = 100

# What a shell finds as `python`: it hands its command line, its directory and
# its files over, and ends with the status that it is told.
_CLIENT = """\
#!{python} -IS
import json, os, socket, struct, sys
files = []
for name in os.listdir("/dev/fd"):
    try:
        os.fstat(int(name))
        files.append(int(name))
    except OSError:
        pass  # That of the listing.
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
command = [sys.argv[1:], os.getcwd(), dict(os.environ), files]
command = json.dumps(command).encode()
socket.send_fds(server, [b"."], files)
server.sendall(struct.pack("!I", len(command)) + command)
sys.exit(int(server.recv(16) or 1))
"""
_TFDS = """\
#!/bin/sh
exec python -c \\
    'from tensorflow_datasets.scripts.cli import main; main.launch_cli()' "$@"
"""


@functools.cache
def bin_dir():
    """Returns a directory for PATH, with `python` and `tfds`.

    The warm Python is started by the first call and ends with this process.
    """
    root = tempfile.TemporaryDirectory(prefix="warm-")
    # A socket's path has 100 characters at most.
    address = str(pathlib.Path(root.name) / "socket")
    client = _CLIENT.format(python=sys.executable, address=address)
    path = pathlib.Path(root.name) / "bin"
    path.mkdir()
    for name, text in (("python", client), ("tfds", _TFDS)):
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    variables = os.environ | {
        "PYTHONPATH": str(processes.ROOT),
        # TensorFlow reads it once; the programs set it before they load it.
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.warm_python", address],
        cwd=processes.ROOT,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def end():
        server.communicate()
        root.cleanup()

    atexit.register(end)
    assert server.stdout.readline() == b"ready\n"
    return path


def environment():
    """Returns the variables of a shell that finds the warm Python."""
    path = f"{bin_dir()}{os.pathsep}{os.environ['PATH']}"
    return fresh_environment() | {"PATH": path}


def fresh_environment():
    """Returns the variables of a user's shell."""
    variables = dict(os.environ)
    # The level that the tests set for themselves is theirs.
    variables.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return variables


def find(name, fresh=False):
    """Returns the path of `python` or `tfds`, and the variables to run it with.

    Args:
        name: Of the program.
        fresh: Whether it must be one that has loaded nothing yet. Where there
            is no warm one, it is one of those anyway.
    """
    if HAS_FORK and not fresh:
        return bin_dir() / name, environment()
    path = pathlib.Path(sys.executable)
    if name != "python":
        path = path.with_name(name)
    return path, fresh_environment()


def _serve(address):
    for name in _MODULES:
        __import__(name)
    # Nobody waits for those who look after one command each.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        # Until the tests' process has ended, however it did.
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                os._exit(_attend(connection))
            connection.close()


def _attend(connection):
    """Runs one command, and ends it when its shell is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, files, _, _ = socket.recv_fds(connection, 1, _MAX_FILES)
    stream = connection.makefile("rb")
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    arguments, cwd, environment, numbers = json.loads(stream.read(length))
    pid = os.fork()
    if pid == 0:
        # Out of the way of the numbers that the files are to have.
        files = [
            os.dup2(file, _MAX_FILES + index)
            for index, file in enumerate(files)
        ]
        for number, file in zip(numbers, files, strict=True):
            os.dup2(file, number)
        os._exit(_run(arguments, cwd, environment))
    ended = os.pidfd_open(pid)
    if ended not in select.select([connection, ended], [], [])[0]:
        os.kill(pid, signal.SIGTERM)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    connection.sendall(str(code if code >= 0 else 128 - code).encode())
    return 0


def _run(arguments, cwd, environment):
    """Is the command, in a process of its own; returns the exit status."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    # What the command itself starts is as warm.
    sys.executable = shutil.which("python")
    # Those of the server take the command's files for its own, which may be of
    # another kind.
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)
    sys.orig_argv = [sys.executable, *arguments]
    while arguments[0] in ("-u", "-B"):
        del arguments[0]
    status = 0
    try:
        _execute(arguments)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else bool(error.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    return status


def _execute(arguments):
    kind = arguments[0]
    if kind == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif kind in ("-c", "-"):
        sys.argv = [kind, *arguments[2 if kind == "-c" else 1 :]]
        sys.path[0] = os.getcwd()
        text = arguments[1] if kind == "-c" else sys.stdin.read()
        exec(compile(text, kind, "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        # Where it really is, as Python has it.
        sys.path[0] = os.path.dirname(os.path.realpath(kind))
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    _serve(sys.argv[1])

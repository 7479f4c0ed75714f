"""A Python that has loaded TensorFlow already, for the commands of the pages.

The pages hold dozens of commands, and each would load TensorFlow for seconds.
Here a process that has loaded it is forked for each of them, so that a command
runs as its user types it, in a shell, from the first line of its program to its
exit status. Only for POSIX.

    with warm_python.directory(tmp_path) as path:
        subprocess.run(["sh", "-c", commands], env={"PATH": path, ...})
"""

import atexit
import contextlib
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

import pytest

from tests.helpers import processes

# Marks the tests that need it.
needs_fork = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="a warm Python is forked on Linux"
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


@contextlib.contextmanager
def directory(root):
    """A directory for PATH, with `python` and `tfds`, while the block runs.

    Args:
        root: An existing directory, whose path is short: it gets a socket.
    """
    bin_dir = pathlib.Path(root) / "bin"
    bin_dir.mkdir()
    address = str(pathlib.Path(root) / "socket")
    client = _CLIENT.format(python=sys.executable, address=address)
    for name, text in (("python", client), ("tfds", _TFDS)):
        (bin_dir / name).write_text(text)
        (bin_dir / name).chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(processes.ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.warm_python", address],
        cwd=processes.ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    with processes.ended_after(server):
        assert server.stdout.readline() == b"ready\n"
        yield bin_dir


def _serve(address):
    for name in _MODULES:
        __import__(name)
    # Nobody waits for those who look after one command each.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while True:
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

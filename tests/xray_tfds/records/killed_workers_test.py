"""Builds whose processes are killed, interrupted or not allowed."""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from tests.helpers import dicom_files
from tests.helpers import image_trees
from tests.helpers import processes
from tests.helpers import whole_builds
from xray_tfds.decode import limits

needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="/proc tells what processes there are"
)

# As in a program of a user, which does not protect its main module.
_PREPARE = """
import sys
from xray_tfds import parallel
from xray_tfds.records import workers
workers.MIN_FILES_FOR_PROCESSES = 1
parallel.num_processes = lambda: 2
parallel._IDLE_SECONDS = 1
import tensorflow_datasets as tfds
import xray_tfds
config = xray_tfds.XrayConfig(image_size=(32, 32))
"""
_BY_FOLDER = f"""{_PREPARE}
xray_tfds.prepare(*sys.argv[1:], image_size=config.image_size)
"""
_BY_BUILDER = f"""{_PREPARE}
builder = xray_tfds.Builder(data_dir=sys.argv[2], config=config)
builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(manual_dir=sys.argv[1])
)
"""

_DAEMON = f"""
import multiprocessing
process = multiprocessing.get_context("spawn").Process(
    target=exec, args=({_BY_FOLDER!r}, {{}}), daemon=True
)
process.start()
process.join()
raise SystemExit(process.exitcode)
"""


def _popen(program, images, data_dir, home, **options):
    return subprocess.Popen(
        [sys.executable, "-c", program, images, data_dir],
        cwd=processes.ROOT,
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_process_that_may_have_none_of_its_own_decodes_in_threads(
    films, tmp_path
):
    process = _popen(_DAEMON, films, tmp_path / "data", tmp_path)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert whole_builds.find_left(tmp_path) == []


@pytest.fixture(params=[_BY_FOLDER, _BY_BUILDER], ids=["folder", "builder"])
def waiting(tmp_path, request):
    """A build of which a process waits at the key for patients' names.

    Yields:
        The build, its processes, and the same build once nobody waits.
    """
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    film = dicom_files.written(dicom_files.dataset())
    (images / "pneumonia" / "z.dcm").write_bytes(film)
    key = tmp_path / ".config" / "xray_tfds" / "hash_key"
    key.parent.mkdir(parents=True)
    os.mkfifo(key)
    start = functools.partial(
        *(_popen, request.param, images, tmp_path / "data", tmp_path),
        start_new_session=True,
    )
    build = start()

    def open_key():
        with contextlib.suppress(OSError):  # As long as nobody reads there.
            return os.open(key, os.O_WRONLY | os.O_NONBLOCK)
        assert build.poll() is None, build.communicate()

    with processes.ended_after(build) as found:
        held = processes.wait_until(open_key)
        found.update(processes.children_of(build.pid))
        key.unlink()
        yield build, found, start
        os.close(held)


def _check_nothing_is_left(children, folder):
    processes.wait_until(lambda: not any(map(processes.is_alive, children)))
    assert whole_builds.find_left(folder) == []


@needs_linux
def test_process_that_is_killed_is_an_error_in_words(waiting, tmp_path):
    build, children, _ = waiting
    for pid in children:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
        if "popen_loky" in command:
            os.kill(pid, signal.SIGKILL)
    _, said = build.communicate()
    assert build.returncode == 1
    assert f"{limits.NotEnoughMemoryError.__name__}: A process that" in said
    _check_nothing_is_left(children, tmp_path)


@needs_linux
def test_interrupt_from_the_keyboard_ends_all_processes(waiting, tmp_path):
    build, children, _ = waiting
    os.killpg(build.pid, signal.SIGINT)
    _, said = build.communicate()
    assert build.returncode == -signal.SIGINT
    assert said.endswith("\nKeyboardInterrupt\n"), said
    _check_nothing_is_left(children, tmp_path)


@needs_linux
def test_what_a_killed_build_leaves_is_in_nobodys_way(waiting, tmp_path):
    build, _, start = waiting
    processes.wait_until(lambda: list(tmp_path.rglob("examples-*")))
    build.kill()
    assert build.wait() == -signal.SIGKILL
    again = start()
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert whole_builds.find_left(tmp_path) == []

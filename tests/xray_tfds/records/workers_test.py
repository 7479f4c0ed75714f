"""Files that are decoded by processes, whatever happens to these."""

import contextlib
import errno
import functools
import multiprocessing
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import loky
from loky.backend import process as loky_process
import pytest

from tests.helpers import dicom_files
from tests.helpers import image_trees
from tests.helpers import processes
from tests.helpers import whole_builds
import xray_tfds
from xray_tfds import parallel
from xray_tfds.curate import examine
from xray_tfds.decode import limits
from xray_tfds.records import workers
from xray_tfds.source import errors
from xray_tfds.source import hash_key

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


@pytest.fixture
def many(monkeypatch):
    """As if few files were many, on a machine of two cores."""
    monkeypatch.setattr(workers, "MIN_FILES_FOR_PROCESSES", 1)
    monkeypatch.setattr(parallel, "num_processes", lambda: 2)


@pytest.fixture
def in_processes(many, monkeypatch):
    """Lets nothing be decoded but by processes."""
    monkeypatch.setattr(examine, "examine", None)


def _find_left(folder):
    kinds = ("incomplete*", "examples-*")
    return [path for kind in kinds for path in folder.rglob(kind)]


@pytest.mark.parametrize(
    ("tree", "options"),
    [
        ("flat", {}),
        ("flat", {"on_duplicate": "keep_all", "file_format": "array_record"}),
        ("splits", {"on_leak": "move"}),
    ],
    ids=str,
)
def test_processes_and_threads_build_the_same_files(
    tree, options, tmp_path, request
):
    images = whole_builds.TREES[tree](tmp_path / "images")
    here = whole_builds.build(images, tmp_path / "threads", options)
    request.getfixturevalue("in_processes")
    there = whole_builds.build(images, tmp_path / "processes", options)
    assert whole_builds.content(there) == whole_builds.content(here)
    assert len(os.listdir(there.parent)) == 2  # These, and the lock.


def test_processes_read_from_a_bucket(bucket, tmp_path, in_processes):
    builder = xray_tfds.prepare(bucket, tmp_path / "data", image_size=(32, 32))
    assert sum(s.num_examples for s in builder.info.splits.values()) == 24


def test_error_of_a_file_is_raised_as_of_a_thread(tmp_path, in_processes):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    bad = images / "normal" / "IM-0000-0000.png"
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(errors.SourceError, match="max_bad_fraction") as caught:
        xray_tfds.prepare(images, tmp_path / "data", max_bad_fraction=0)
    assert bad.name in str(caught.value)
    assert _find_left(tmp_path) == []


def _refuse_semaphores(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no semaphores")  # As on AWS Lambda.

    monkeypatch.setattr(loky.ProcessPoolExecutor, "__init__", refuse)


def _refuse_the_second(monkeypatch):
    start, calls = loky_process.LokyProcess.start, []

    def refuse_the_second(process):
        calls.append(process)
        if len(calls) == 2:
            raise OSError(errno.EAGAIN, "too many")
        start(process)

    monkeypatch.setattr(loky_process.LokyProcess, "start", refuse_the_second)


def _start_no_python(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (_refuse_semaphores, "no semaphores"),
        (_refuse_the_second, "too many"),
        (_start_no_python, "terminated"),
    ],
)
def test_threads_decode_where_no_processes_can_be_started(
    break_it, why, films, tmp_path, many, monkeypatch, capsys
):
    before = multiprocessing.active_children()
    break_it(monkeypatch)
    builder = xray_tfds.prepare(films, tmp_path / "data", image_size=(32, 32))
    assert builder.info.splits["train"].num_examples
    _, _, said = capsys.readouterr().out.partition("No processes can be start")
    assert why in said and "threads decode" in said
    processes.wait_until(lambda: multiprocessing.active_children() == before)


def test_key_that_changes_while_processes_hash_is_noticed(
    tmp_path, in_processes, monkeypatch
):
    images = whole_builds.write_tree(tmp_path / "images")
    monkeypatch.setenv(hash_key.VARIABLE, "one")
    start = parallel.processes

    @contextlib.contextmanager
    def start_and_change():
        with start() as executor:
            monkeypatch.setenv(hash_key.VARIABLE, "another")
            yield executor

    monkeypatch.setattr(parallel, "processes", start_and_change)
    with pytest.raises(errors.SourceError, match="hashed changed while"):
        whole_builds.build(images, tmp_path / "data", {})


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
    assert _find_left(tmp_path) == []


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
    assert _find_left(folder) == []


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
    assert _find_left(tmp_path) == []


def test_only_what_a_killed_build_left_is_removed(films, tmp_path):
    letters = "0123456789abcdef" * 2
    left = tmp_path / f"incomplete.{letters}_{films.name}"
    names = ["incoming.films", "incomplete.old_films", "replaced.films"]
    others = [tmp_path / n for n in [*names, f"incomplete.{letters}_a_films"]]
    for folder in (left, *others):
        folder.mkdir()
    xray_tfds.prepare(films, tmp_path, image_size=(32, 32))
    assert not left.exists()
    assert all(folder.exists() for folder in others)

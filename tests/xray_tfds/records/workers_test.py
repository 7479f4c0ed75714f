"""Files that are decoded by processes, whatever happens to these."""

import contextlib
import errno
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile

from etils import epath
import loky
from loky.backend import process as loky_process
import pytest

from tests.helpers import image_trees
from tests.helpers import processes
from tests.helpers import whole_builds
import xray_tfds
from xray_tfds import parallel
from xray_tfds.curate import examine
from xray_tfds.records import replacing
from xray_tfds.records import workers
from xray_tfds.source import errors
from xray_tfds.source import hash_key
from xray_tfds.source import scan


@pytest.fixture
def many(monkeypatch):
    """As if few files were many, on a machine of two cores."""
    monkeypatch.setattr(workers, "MIN_FILES_FOR_PROCESSES", 1)
    monkeypatch.setattr(parallel, "num_processes", lambda: 2)


@pytest.fixture
def in_processes(many, monkeypatch):
    """Lets nothing be decoded but by processes."""
    monkeypatch.setattr(examine, "examine", None)


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


def test_error_of_a_process_is_raised_as_of_a_thread(
    films, tmp_path, in_processes
):
    source = scan.scan(films, ("normal", "pneumonia"))
    changed = source.files[-1]
    image_trees.write_images(films, [changed.filename], seed=8)
    (tmp_path / "staging").mkdir()
    with pytest.raises(errors.SourceError) as caught:
        workers.examine(
            source.files,
            xray_tfds.XrayConfig(),
            epath.Path(tmp_path / "staging"),
            hash_key.HashKey(),
        )
    assert str(caught.value).startswith(str(changed.path))


def test_process_of_a_build_that_was_killed_reads_no_further_file(
    films, tmp_path
):
    source = scan.scan(films, ("normal", "pneumonia"))
    other = os.getpid()  # Not the parent.
    for parent, raises in (
        (os.getppid(), contextlib.nullcontext()),
        (other, pytest.raises(InterruptedError)),
    ):
        with raises:
            workers._examine_part(
                (0, source.files),
                xray_tfds.XrayConfig(),
                epath.Path(tmp_path),
                hash_key.HashKey(),
                parent,
            )


def test_examples_of_remote_records_wait_where_others_do_not_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = replacing.local_staging(epath.Path("gs://bucket/1.0.0"))
    assert pathlib.Path(folder).parent == tmp_path
    assert os.name == "nt" or os.stat(folder).st_mode & 0o077 == 0


def test_build_that_is_refused_leaves_nothing(tmp_path, in_processes):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    bad = images / "normal" / "IM-0000-0000.png"
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(errors.SourceError, match="max_bad_fraction") as caught:
        xray_tfds.prepare(images, tmp_path / "data", max_bad_fraction=0)
    assert bad.name in str(caught.value)
    assert whole_builds.find_left(tmp_path) == []


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

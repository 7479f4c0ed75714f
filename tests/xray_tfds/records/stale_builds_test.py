"""What killed builds leave, and that a running build keeps its own."""

import os
import subprocess
import sys

from etils import epath
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds.records import stale_builds

_LONG_AGO = 1_000_000_000  # In 2001, in seconds since 1970.

# Claims the directory, says so, and waits to be told to end.
_CLAIM = """
import sys
from etils import epath
from xray_tfds.records import stale_builds
with stale_builds.claim(epath.Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def _make_unfinished(path, name="incomplete.ABC123_1.0.0"):
    directory = path / name
    directory.mkdir(parents=True)
    (directory / "bucket_000.tmp").write_bytes(b"records")
    os.utime(directory, (_LONG_AGO, _LONG_AGO))
    return directory


def test_next_build_removes_what_a_killed_one_left(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    builder = xray_tfds.Builder(
        data_dir=tmp_path / "data",
        config=xray_tfds.XrayConfig(image_size=(32, 32)),
    )
    left = _make_unfinished(tmp_path / "data" / builder.data_path.parent)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=images)
    )
    assert builder.is_prepared()
    assert not left.exists()


@pytest.mark.parametrize(
    "name", ["incomplete.ABC123_2.0.0", "1.0.0", "replaced.1.0.0", "notes"]
)
def test_nothing_else_is_removed(tmp_path, name):
    directory = _make_unfinished(tmp_path, name)
    stale_builds.remove(epath.Path(tmp_path / "1.0.0"))
    assert (directory / "bucket_000.tmp").exists()


def test_new_directory_is_not_removed(tmp_path):
    directory = _make_unfinished(tmp_path)
    os.utime(directory)  # As one that its build had no time yet to claim.
    stale_builds.remove(epath.Path(tmp_path / "1.0.0"))
    assert directory.exists()


@pytest.mark.skipif(stale_builds.fcntl is None, reason="needs locks of files")
@pytest.mark.parametrize("is_killed", [False, True])
def test_directory_is_kept_while_its_build_runs(tmp_path, is_killed):
    directory = _make_unfinished(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", _CLAIM, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"claimed\n"
    stale_builds.remove(epath.Path(tmp_path / "1.0.0"))
    assert directory.exists()
    if is_killed:
        process.kill()
    process.communicate()
    stale_builds.remove(epath.Path(tmp_path / "1.0.0"))
    assert not directory.exists()


def test_remote_directory_is_left_alone():
    with stale_builds.claim(
        epath.Path("gs://no-such-bucket/incomplete.A_1.0.0")
    ):
        pass

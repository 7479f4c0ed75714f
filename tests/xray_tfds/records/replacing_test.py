"""Records built beside the old ones, by one process at a time."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from etils import epath
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
import xray_tfds
from xray_tfds import report
from xray_tfds.records import integrity
from xray_tfds.records import replacing
from xray_tfds.source import errors

_ROOT = pathlib.Path(xray_tfds.__file__).parents[1]
_OPTIONS = {"image_size": (32, 24)}

# Says that it is ready, waits for a line, and prepares a folder.
_PREPARE = """
import sys
import tensorflow
from xray_tfds import preparation
from xray_tfds.curate import examine
examined, examine_one = [], examine.examine
def note(file, *args, **kwargs):
    examined.append(file)
    return examine_one(file, *args, **kwargs)
examine.examine = note
print("ready", flush=True)
sys.stdin.readline()
builder = preparation.prepare(*sys.argv[1:], image_size=(32, 24))
print("examined", len(examined), builder.info.splits["train"].num_examples)
"""

# Overwrites records, and is killed when the new ones are nearly complete.
_KILLED = """
import os, signal, sys
import tensorflow_datasets as tfds
import xray_tfds
from xray_tfds import report
report.write_report = lambda _: os.kill(os.getpid(), signal.SIGKILL)
config = xray_tfds.XrayConfig(image_size=(32, 24))
xray_tfds.Builder(data_dir=sys.argv[2], config=config).download_and_prepare(
    download_config=tfds.download.DownloadConfig(
        manual_dir=sys.argv[1],
        download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
    )
)
"""


def _build(images, data_dir, mode="REUSE_DATASET_IF_EXISTS"):
    builder = _open(data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images, download_mode=tfds.GenerateMode[mode]
        )
    )
    return builder


def _open(data_dir):
    config = xray_tfds.XrayConfig(**_OPTIONS)
    return xray_tfds.Builder(data_dir=data_dir, config=config)


def _examples(builder):
    return {
        split: list(tfds.as_numpy(builder.as_dataset(split=split)))
        for split in builder.info.splits
    }


def _make_unfinished(path, name="incomplete.ABC123_1.0.0"):
    directory = path / name
    directory.mkdir(parents=True)
    (directory / "bucket_000.tmp").write_bytes(b"records")
    return directory


def test_next_build_removes_what_a_killed_one_left(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    place = _open(tmp_path / "data").data_path.parent
    names = ["incomplete.A_1.0.0", "incomplete.A_incoming.b_1.0.0"]
    names += ["incoming.b_1.0.0"]
    names += ["incoming.1.0.0", "incomplete.A_incoming.1.0.0"]  # As before.
    left = [_make_unfinished(place, name) for name in names]
    assert _build(images, tmp_path / "data").is_prepared()
    assert not any(directory.exists() for directory in left)
    assert sorted(os.listdir(place)) == [".1.0.0.lock", "1.0.0"]


def test_nothing_else_is_removed(tmp_path):
    names = ["incomplete.A_2.0.0", "incomplete.A_b_1.0.0", "1.0.0", "notes"]
    others = [_make_unfinished(tmp_path, name) for name in names]
    replacing.recover(epath.Path(tmp_path / "1.0.0"), is_alone=True)
    assert all((folder / "bucket_000.tmp").exists() for folder in others)


@pytest.mark.parametrize("kind", ["incomplete", "incoming"])
def test_what_may_be_of_a_running_build_is_kept(kind, tmp_path, capsys):
    directory = _make_unfinished(tmp_path, f"{kind}.ABC123_1.0.0")
    _make_unfinished(tmp_path, f"{kind}.ABC123_2.0.0")
    replacing.recover(epath.Path(tmp_path / "1.0.0"), is_alone=False)
    assert directory.exists()
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith(f"{directory} ")


@pytest.mark.parametrize(
    "path", ["gs://no-such-bucket/1.0.0", "{}/file/1.0.0"], ids=["remote", ""]
)
def test_builds_where_no_lock_can_be_do_not_wait(path, tmp_path):
    (tmp_path / "file").write_bytes(b"no folder")
    with replacing.taking_turns(epath.Path(path.format(tmp_path))) as is_alone:
        assert not is_alone


def test_old_records_come_back_if_new_ones_cannot_take_their_place(tmp_path):
    path = epath.Path(tmp_path / "1.0.0")
    _make_unfinished(tmp_path, "1.0.0")
    with pytest.raises(OSError, match="incoming.b_1.0.0"):
        replacing.exchange(path, path.with_name("incoming.b_1.0.0"))
    assert (path / "bucket_000.tmp").exists()


def test_first_build_says_why_its_records_cannot_take_their_place(tmp_path):
    path = epath.Path(tmp_path / "1.0.0")
    with pytest.raises(OSError, match="incoming.b_1.0.0"):
        replacing.exchange(path, path.with_name("incoming.b_1.0.0"))


@pytest.mark.parametrize("is_complete", [False, True])
def test_exchange_that_was_killed_is_taken_up(tmp_path, is_complete):
    _make_unfinished(tmp_path, "replaced.1.0.0")
    if is_complete:
        _make_unfinished(tmp_path, "1.0.0")
    replacing.recover(epath.Path(tmp_path / "1.0.0"), is_alone=True)
    assert os.listdir(tmp_path) == ["1.0.0"]


def test_old_records_are_read_while_the_new_ones_are_built(
    tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images")
    before = _examples(_build(images, tmp_path / "data"))
    read = []

    def write_report(directory):
        read.append(_examples(_open(tmp_path / "data")))
        return report.writing.write_report(directory)

    monkeypatch.setattr(report, "write_report", write_report)
    image_trees.write_images(images, ["normal/IM-0000-0000.png"], seed=1)
    builder = _build(images, tmp_path / "data", "REUSE_CACHE_IF_EXISTS")
    np.testing.assert_equal(read, [before])
    assert not integrity.find_damage(builder.data_path)
    with pytest.raises(AssertionError):
        np.testing.assert_equal(_examples(builder), before)


@pytest.mark.slow
def test_old_records_are_read_after_a_kill(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    before = _examples(_build(images, tmp_path / "data"))
    command = [sys.executable, "-c", _KILLED, images, tmp_path / "data"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    np.testing.assert_equal(_examples(_open(tmp_path / "data")), before)


@pytest.mark.slow
def test_processes_that_prepare_one_folder_share_the_work(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PREPARE, images, tmp_path / "data"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outcomes = []
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        outcomes.append(out.splitlines()[-1].split())
    assert sorted(int(number) for _, number, _ in outcomes) == [0, 60]
    assert {train for _, _, train in outcomes} == {"46"}


@pytest.mark.parametrize("is_prepared", [False, True])
def test_build_that_fails_for_want_of_room_leaves_the_old_records(
    is_prepared, tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images")
    if is_prepared:
        before = _examples(_build(images, tmp_path / "data"))

    def write_report(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_report", write_report)
    with pytest.raises(errors.StorageError) as info:
        _build(images, tmp_path / "data", "REUSE_CACHE_IF_EXISTS")
    assert info.value.status == 4
    assert "No space left" in str(info.value)
    assert f"{tmp_path}/data" in str(info.value)
    assert "--data_dir=DIR" in str(info.value)
    assert _open(tmp_path / "data").is_prepared() == is_prepared
    if is_prepared:
        np.testing.assert_equal(_examples(_open(tmp_path / "data")), before)


def test_builder_knows_its_records_after_a_build_that_failed(
    tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images")
    builder = _build(images, tmp_path / "data")
    before = dict(builder.info.metadata)
    image_trees.write_images(images, ["normal/new.png"], seed=5)
    download_config = tfds.download.DownloadConfig(manual_dir=images)

    def write_report(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_report", write_report)
    overwriting = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
    with pytest.raises(errors.StorageError, match="No space left"):
        builder.download_and_prepare(
            download_config=download_config.replace(download_mode=overwriting)
        )
    assert builder.info.splits.total_num_examples == 60
    assert dict(builder.info.metadata) == before
    with pytest.raises(errors.SourceError, match="built from other files"):
        builder.download_and_prepare(download_config=download_config)


# A limit on the size of files is a full disk to whoever writes them, TensorFlow
# included, and holds for root too.
_LIMITED = """
import resource, signal, sys
import tensorflow
import xray_tfds
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
try:
    xray_tfds.prepare(*sys.argv[2:], image_size=(64, 64))
except ValueError as error:
    print(error.status, error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 20_000])
def test_disk_that_fills_up_anywhere_is_told_in_words(limit, tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    data_dir = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), images, data_dir],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    (told,) = [x for x in done.stdout.splitlines() if x.startswith("4 Records")]
    assert str(data_dir) in told
    assert not list(data_dir.rglob("dataset_info.json"))


def test_place_that_is_no_folder_is_told_in_words(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(errors.StorageError, match="data: .*--data_dir=DIR"):
        xray_tfds.prepare(images, tmp_path / "data", **_OPTIONS)


def test_report_names_no_place_that_is_gone(tmp_path):
    images = image_trees.write_flat_tree(tmp_path / "images")
    builder = _build(images, tmp_path / "data")
    for path in pathlib.Path(builder.data_dir).rglob("*"):
        if path.is_file():
            assert b"incoming" not in path.read_bytes(), path
    info = json.loads((builder.data_path / "dataset_info.json").read_text())
    assert info["version"] == "1.0.0"

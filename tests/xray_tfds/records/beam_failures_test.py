"""What goes wrong on Beam is said, and costs no records."""

import os
import pathlib

from apache_beam.options import pipeline_options
from apache_beam.runners import runner as runner_lib
from apache_beam.runners.direct import direct_runner
from etils import epath
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer as writer_lib

from tests.helpers import image_trees
from tests.helpers import whole_builds
import xray_tfds
from xray_tfds.curate import examine
from xray_tfds.decode import limits
from xray_tfds.records import staging
from xray_tfds.source import errors

_OPTIONS = {"image_size": (32, 24)}


class _Cancelled(direct_runner.DirectRunner):
    """Runs some pipelines; the job of the last is cancelled at its console.

    Of this, Beam's runner for Flink and Spark makes no error, but a state.
    """

    def __init__(self, number, folder, unwritten):
        super().__init__()
        self._left = number
        self._folder = folder
        self._unwritten = unwritten

    def run_pipeline(self, pipeline, options):
        self._left -= 1
        result = super().run_pipeline(pipeline, options)
        if self._left:
            return result
        result.wait_until_finish()
        for path in self._folder.glob(f"inc*_1.0.0/{self._unwritten}*"):
            path.unlink()
        return runner_lib.PipelineResult(runner_lib.PipelineState.CANCELLED)


def _build(images, data_dir, file_format="tfrecord", **download_options):
    config = xray_tfds.XrayConfig(**_OPTIONS)
    builder = xray_tfds.Builder(
        data_dir=data_dir, config=config, file_format=file_format
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images,
            download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS,
            **download_options,
        )
    )
    return pathlib.Path(builder.data_dir)


def _on_beam():
    return {"beam_options": pipeline_options.PipelineOptions([])}


@pytest.fixture
def built(tmp_path):
    """A folder of images, and records of another state of it."""
    images = image_trees.write_flat_tree(tmp_path / "images")
    records = _build(images, tmp_path / "data")
    image_trees.write_images(images, ["normal/IM-0099-0000.png"], seed=9)
    return images, records


@pytest.mark.parametrize(
    ("number", "unwritten"),
    [(1, "findings-000003"), (2, "xray_tfds-train.tfrecord-00002")],
)
def test_job_that_was_cancelled_leaves_the_old_records(
    number, unwritten, built
):
    images, records = built
    before = whole_builds.content(records)
    (records / "build_report" / "findings.npz").unlink()  # All are decoded.
    with pytest.raises(errors.StorageError, match=f"before .*/{unwritten}"):
        _build(
            images,
            records.parents[2],
            num_shards=4,
            beam_runner=_Cancelled(number, records.parent, unwritten),
            **_on_beam(),
        )
    del before[pathlib.Path("build_report/findings.npz")]
    assert whole_builds.content(records) == before
    assert sorted(os.listdir(records.parent)) == [".1.0.0.lock", "1.0.0"]


def test_worker_that_is_killed_while_it_tells_an_error_tells_none(
    tmp_path, monkeypatch
):
    folder = epath.Path(tmp_path)
    write = type(folder).write_text

    def die(path, text):
        write(path, text[:5])
        raise ConnectionError("killed")

    told = errors.SourceError("a film has changed")
    with monkeypatch.context() as patch:
        patch.setattr(type(folder), "write_text", die)
        with pytest.raises(ConnectionError):
            staging.write_error(folder, told)
    staging.check(folder)
    staging.write_error(folder, told)
    with pytest.raises(errors.SourceError, match="a film has changed"):
        staging.check(folder)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            lambda: OSError(28, "No space left on device"),
            errors.StorageError,
            "Records could not be written or read at .*: No space left on dev",
        ),
        (
            lambda: tf.errors.ResourceExhaustedError(
                None, None, "No space left on device"
            ),
            errors.StorageError,
            "Records could not be written or read at .*: No space left on dev",
        ),
        (
            lambda: MemoryError(),
            limits.NotEnoughMemoryError,
            "There is not enough memory to decode .*png, which may be a good",
        ),
    ],
    ids=["disk", "tensorflow", "memory"],
)
def test_workers_machine_that_does_not_do_is_told_in_words(
    error, kind, words, built, monkeypatch
):
    images, records = built
    (records / "build_report" / "findings.npz").unlink()

    def fail(data, config):
        raise error()

    monkeypatch.setattr(examine, "decode", fail)
    with pytest.raises(kind, match=words) as caught:
        _build(images, records.parents[2], **_on_beam())
    assert "while running" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="no disk that is always full"
)
@pytest.mark.parametrize("options", [{}, _on_beam()], ids=["here", "beam"])
@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_full_disk_is_told_in_words_whoever_writes(
    file_format, options, tmp_path, monkeypatch
):
    if file_format == "array_record":
        pytest.importorskip("array_record")
    images = image_trees.write_flat_tree(tmp_path / "images", per_class=12)
    write = writer_lib.ExampleWriter.write
    monkeypatch.setattr(
        writer_lib.ExampleWriter,
        "write",
        lambda self, path, examples: write(self, "/dev/full", examples),
    )
    with pytest.raises(errors.StorageError, match="No space left on device"):
        _build(images, tmp_path / "data", file_format, **options)

"""Where an export is written: a new directory, or one that is empty."""

import os
import pathlib

import pytest

from inference.exports import loading
from inference.exports import savedmodel
from tests.helpers import exports


def test_directory_that_holds_something_is_not_overwritten(trained, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="new or an empty directory"):
        exports.export(trained[0], tmp_path, "keras")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_directory_at_hand_has_a_name(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".unfinished-of-a-killed-one").mkdir()
    exports.export(trained[0], ".", "keras")
    # Also for a shell that stands there.
    assert "manifest.json" in os.listdir()
    left = [name for name in os.listdir() if name.startswith(".")]
    assert left == [".unfinished-of-a-killed-one"]


def test_directory_may_have_any_name(trained, tmp_path):
    """To TensorFlow, which has a SavedModel, this is a pattern, and no text."""
    name = "runs [1]/back\\slash/no\udcff UTF-8"
    out = exports.export(trained[0], tmp_path / name, "savedmodel")
    assert loading.open_export(out).class_names == ("normal", "pneumonia")


def test_plain_name_of_windows_needs_no_link():
    """Which not every user of Windows may make."""
    directory = pathlib.PureWindowsPath("C:\\exports\\out")
    with savedmodel._plainly_named(directory) as path:
        assert path == str(directory)


def test_full_disk_is_told_in_a_sentence(trained, tmp_path):
    """TensorFlow has errors of its own for it."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, hard))
    try:
        with pytest.raises(ValueError, match="cannot be written to.*too large"):
            exports.export(trained[0], tmp_path / "out", "savedmodel")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())

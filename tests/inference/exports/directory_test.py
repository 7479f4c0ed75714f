"""Where an export is written: a new directory, or one that is empty."""

import os

import pytest

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

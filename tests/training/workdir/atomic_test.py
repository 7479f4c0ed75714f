"""A file is whole, whoever else writes it."""

import os

import pytest

from training.workdir import atomic


def test_two_writers_do_not_share_what_is_unfinished(tmp_path):
    """Such as two containers, whose processes have the same number."""
    path = tmp_path / "a.json"
    with atomic.replacing(path) as first, atomic.replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first.read_text() == "first"
        assert first.suffix == second.suffix == ".json"
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a.json"]


def test_failure_leaves_the_earlier_file_alone(tmp_path):
    path = tmp_path / "a.json"
    atomic.write_json(path, 1)
    with pytest.raises(ValueError):
        atomic.write_json(path, float("nan"))
    with pytest.raises(KeyboardInterrupt), atomic.replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert atomic.read_json(path) == 1
    assert os.listdir(tmp_path) == ["a.json"]

"""What the import of TensorFlow and Keras leaves out."""

import importlib
import sys

import pytest

from training import quiet_import


def test_packages_are_left_out_of_a_block_alone(tmp_path, monkeypatch):
    (tmp_path / "an_extra.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with quiet_import._left_out(["an_extra", "pytest"]):
        with pytest.raises(ImportError):
            importlib.import_module("an_extra")
        # It was imported before.
        assert importlib.import_module("pytest") is pytest
    assert importlib.import_module("an_extra") is sys.modules["an_extra"]

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


@pytest.mark.parametrize("number", ["-5", "100000"])
def test_threads_at_which_tensorflow_aborts_are_refused(number, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", number)
    with pytest.raises(ValueError, match=f"INTRAOP_THREADS={number}"):
        quiet_import.import_tensorflow()

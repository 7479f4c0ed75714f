"""Runs that earlier versions have begun."""

import json
import pathlib
import shutil

import pytest

from tests.helpers import loop_runs

# Stopped by SIGTERM after the second step of the second of two epochs. By
# commit ea1a6e6, whose files had no format version, on a CPU with AVX512:
#     loop_runs.run(path, callbacks=[loop_runs.stop_at(6)], **STATEFUL)
GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "run_without_format"

# What that version came to without the stop.
METRICS = {
    "loss": 0.6982626748085022,
    "accuracy": 0.48,
    "val_loss": 0.6909861618822272,
    "val_accuracy": 0.5454545454545454,
}


def test_run_of_an_earlier_version_is_resumed(tmp_path, capsys):
    path = tmp_path / "run"
    shutil.copytree(GOLDEN, path)
    result = loop_runs.run(path, **loop_runs.STATEFUL)
    assert "from checkpoint 2 (epoch 2, step 2)" in capsys.readouterr().out
    assert len(result.records) == 2
    for name, value in METRICS.items():
        # Other CPUs round otherwise.
        assert result.records[1][name] == pytest.approx(value, rel=1e-4)
    iterations = result.model.optimizer.iterations
    assert int(iterations.numpy()) == 2 * loop_runs.STEPS_PER_EPOCH
    # From now on it says which version it is of.
    assert json.loads((path / "run.json").read_text())["format"] == 1

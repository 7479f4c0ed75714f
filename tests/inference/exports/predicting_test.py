"""`predict.py --model=EXPORT`: the rows of the run, by what needs no run."""

import csv
import io

import numpy as np
import pytest

from inference import predict_config
from inference import predicting
from tests.helpers import processes
from tests.helpers import programs

# Format -> largest difference of a probability, on the CPU that exported it.
_DIFFERENCES = {"savedmodel": 0, "keras": 0, "onnx": 2e-6, "litert": 2e-6}

# LiteRT has no setting in Python that holds it back.
_LITERT_TALK = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."

_PROGRAM = """
import runpy
import sys
try:
    sys.argv[0] = "predict.py"
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
finally:
    print("loads", *{"keras", "tensorflow"} & set(sys.modules), file=sys.stderr)
"""


def _read(data):
    rows = list(csv.DictReader(io.StringIO(data, newline="")))
    columns = [name for name in rows[0] if name.startswith("p(")]
    found = [[float(row[name]) for name in columns] for row in rows]
    return [(row["path"], row["decision"]) for row in rows], found


def test_rows_are_those_of_the_run(exported, trained, capsys):
    format_name, directory = exported
    root, _ = trained
    films = str(root / "films" / "validation")
    options = {"workdir": str(root / "run"), "input_check": "off"}
    config = predict_config.PredictConfig(**options)
    assert predicting.predict(config, [films]) == 0
    decisions, probabilities = _read(capsys.readouterr().out)
    result = programs.run(
        *("-c", _PROGRAM, processes.ROOT / "predict.py"),
        *(f"--model={directory}", "--input_check=off", films),
    )
    found, exact = _read(result.stdout)
    assert found == decisions
    difference = np.abs(np.array(exact) - probabilities).max()
    assert difference <= _DIFFERENCES[format_name]
    lines = programs.said(result.stderr).splitlines()
    told = [line for line in lines if line != _LITERT_TALK]
    # Beside it what a user has to know, and nothing of a library's.
    assert len(told) == 2 and told[0].startswith("No threshold was chosen")
    loads = set(told[1].split()[1:])
    needs_tensorflow = format_name in ("savedmodel", "keras")
    assert loads == ({"keras", "tensorflow"} if needs_tensorflow else set())


def test_what_an_export_lacks_is_told(keras_export, tmp_path):
    model = str(keras_export)
    config = predict_config.PredictConfig(model=model, input_check="fail")
    with pytest.raises(ValueError, match="--input_check=fail cannot be kept"):
        predicting.predict(config, [])
    config = predict_config.PredictConfig(
        model=model, explain_dir=str(tmp_path / "maps")
    )
    with pytest.raises(ValueError, match="--workdir=RUN instead of --model"):
        predicting.predict(config, [])
    assert not (tmp_path / "maps").exists()

"""Rows say what they should, whatever files are called."""

import csv
import io
import json
import os

import numpy as np
import pytest

from disk import cells
from inference import prediction_rows
from inference import predictor as predictor_lib

NAMES = [
    "film.png",
    "a,b;c.png",
    'say "ah".png',
    "two\nlines.png",
    "old\rmac.png",
    "=1+1.png",
    "@SUM(A1).png",
    "'quoted.png",
    "Lunge ü 肺.png",
    os.fsdecode(b"\xff\xfe odd.png"),
    " space .png",
]
CLASSES = ("normal", "=pneumonia, other")
PREDICTION = predictor_lib.Prediction(
    np.array([0.1, 0.9]), np.array([1 / 3, 2 / 3]), 1
)


def write(output_format, rows, **options):
    options = {"with_overlay": False} | options
    writer = prediction_rows.Writer(output_format, CLASSES, **options)
    return writer.header() + b"".join(map(writer.write, rows))


def read_csv(data):
    text = data.decode("utf-8", "surrogateescape")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_any_name_survives_both_formats(name):
    rows = [prediction_rows.Row(name, error="bad"), prediction_rows.Row("b")]
    header, first, second = read_csv(write("csv", rows))
    assert cells.from_cell(first[0]) == name
    assert first[0][0] not in "=+-@\t"
    assert second[0] == "b"
    lines = write("jsonl", rows).splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["path"] == name


def test_columns_and_numbers_are_those_promised():
    good = prediction_rows.Row("a.png", PREDICTION, ("colour", "inverted"))
    bad = prediction_rows.Row("b.png", error="empty: no bytes")
    header, first, second = read_csv(write("csv", [good, bad]))
    assert header == [
        *("path", "decision", "p(normal)", "p(=pneumonia, other)"),
        *("calibrated(normal)", "calibrated(=pneumonia, other)"),
        *("flags", "error"),
    ]
    assert list(map(float, first[2:6])) == [0.1, 0.9, 1 / 3, 2 / 3]
    assert first[1] == "'=pneumonia, other"
    assert first[6:] == ["colour;inverted", ""]
    assert second == ["b.png", "", "", "", "", "", "", "empty: no bytes"]


def test_json_says_the_same():
    good = prediction_rows.Row("a.png", PREDICTION, ("colour",))
    bad = prediction_rows.Row("b.png", flags=("aspect",), error="no")
    first, second = map(json.loads, write("jsonl", [good, bad]).splitlines())
    assert first == {
        "path": "a.png",
        "decision": CLASSES[1],
        "probabilities": dict(zip(CLASSES, (0.1, 0.9))),
        "calibrated": dict(zip(CLASSES, (1 / 3, 2 / 3))),
        "flags": ["colour"],
        "error": None,
    }
    assert second == {
        **{"path": "b.png", "decision": None, "probabilities": None},
        **{"calibrated": None, "flags": ["aspect"], "error": "no"},
    }


def test_overlay_is_named_where_there_are_any():
    rows = [
        prediction_rows.Row("a", PREDICTION, overlay="x/1.png"),
        prediction_rows.Row("b", error="bad"),
    ]
    header, first, second = read_csv(write("csv", rows, with_overlay=True))
    assert (header[-1], first[-1], second[-1]) == ("overlay", "x/1.png", "")
    lines = write("jsonl", rows, with_overlay=True).splitlines()
    assert [json.loads(x)["overlay"] for x in lines] == ["x/1.png", None]

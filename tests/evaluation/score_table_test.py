"""A table of scores holds them to the last bit, whatever things are called."""

import csv

import numpy as np
import pytest

from evaluation import score_table
from evaluation import scores as scores_lib

_NAMES = ('a,"b"', "=cmd|x", "p(ü)")


def make_table(rng, keys):
    probabilities = rng.dirichlet(np.ones(3), len(keys))
    labels = np.arange(len(keys)) % 3
    return score_table.Table(
        scores_lib.Scores(
            keys=np.array(keys),
            patients=np.array([f"-{key}" for key in keys]),
            labels=labels,
            probabilities=probabilities,
            class_names=_NAMES,
        ),
        calibrated=probabilities**2,
        decided=probabilities.argmax(axis=1),
    )


def assert_equal(found, table):
    for name in ("keys", "patients", "labels", "probabilities"):
        np.testing.assert_array_equal(
            getattr(found.scores, name), getattr(table.scores, name)
        )
    assert found.scores.class_names == table.scores.class_names
    np.testing.assert_array_equal(found.calibrated, table.calibrated)
    np.testing.assert_array_equal(found.decided, table.decided)


def test_odd_names_come_back(rng, tmp_path):
    keys = [
        "a\rb.png",
        "a\r\nb",
        "c\nd",
        "=1",
        "'=1",
        "x,y",
        '"',
        "\udcff",
        " ",
    ]
    table = make_table(rng, keys)
    score_table.write(tmp_path / "scores.csv", table)
    assert_equal(score_table.read(tmp_path / "scores.csv"), table)


def test_no_examples_come_back(rng, tmp_path):
    table = make_table(rng, ["a", "b", "c"])
    empty = score_table.Table(
        table.scores.take([]), table.calibrated[:0], table.decided[:0]
    )
    score_table.write(tmp_path / "scores.csv", empty)
    assert_equal(score_table.read(tmp_path / "scores.csv"), empty)


def test_other_programs_read_it(rng, tmp_path):
    table = make_table(rng, ["a.png", "=b.png"])
    score_table.write(tmp_path / "scores.csv", table)
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["label"] == 'a,"b"' and first["key"] == "a.png"
    # No cell is a formula; the name of a column begins otherwise.
    assert (second["key"], second["label"]) == ("'=b.png", "'=cmd|x")
    assert float(second["p(=cmd|x)"]) == table.scores.probabilities[1, 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text.replace("0.", "x.", 1),
        lambda text: text.replace("p(", "q("),
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("'=cmd|x", "nobody"),
    ],
)
def test_damage_is_named(damage, rng, tmp_path):
    path = tmp_path / "scores.csv"
    score_table.write(path, make_table(rng, ["a", "b", "c"]))
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match="scores.csv is not a table of scores"):
        score_table.read(path)

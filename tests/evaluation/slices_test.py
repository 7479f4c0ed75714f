"""Parts of the images: which they are, what is said of them and what not."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from evaluation import slice_table
from evaluation import slices
from tests.helpers import synthetic_scores


def _rows(columns, scores, threshold=0.5):
    rows = slices.measure(columns, scores, threshold=threshold)
    json.dumps(rows, allow_nan=False)
    return {(row["column"], row["value"]): row for row in rows}


def _figures(row):
    return {figure["name"]: figure for figure in row["figures"]}


def test_kinds_are_those_that_names_tell():
    keys = [
        "test/PNEUMONIA/person1_bacteria_2.jpeg",
        "person447_virus_921_1.jpeg",
        "BACTERIA-1008087-0001.jpeg",
        "VIRUS-6-0001.jpeg",
        "virus/NORMAL2-IM-0001-0001.jpeg",
        "antivirus_3.jpeg",
    ]
    column = slices.kinds(keys)
    kinds = ["bacteria", "virus", "bacteria", "virus", "", ""]
    assert column.values.tolist() == kinds
    assert column.order == ("bacteria", "virus")
    assert slices.kinds(["NORMAL/IM-0001.jpeg"]) is None


def test_kind_is_ranked_against_all_without_pneumonia(rng):
    scores = synthetic_scores.make(rng, num_patients=100)
    kinds = ["bacteria", "virus"]
    keys = [
        f"person_{kinds[index // 2 % 2]}_{index}" if label else f"IM-{index}"
        for index, label in enumerate(scores.labels)
    ]
    row = _rows([slices.kinds(keys)], scores, 0.6)["kind", "virus"]
    own = np.array(["virus" in key for key in keys])
    ranked = own | (scores.labels == 0)
    figures = _figures(row)
    assert (row["num_images"], row["num_patients"]) == (own.sum(), 25)
    assert figures["auc"]["value"] == pytest.approx(
        sklearn_metrics.roc_auc_score(
            scores.labels[ranked], scores.positive[ranked]
        ),
        abs=1e-12,
    )
    assert figures["sensitivity"]["value"] == pytest.approx(
        np.mean(scores.positive[own] >= 0.6), abs=1e-12
    )
    assert figures["sensitivity"]["low"] < figures["sensitivity"]["high"]
    assert figures["specificity"]["value"] is None


def test_folder_of_one_class_has_no_auc(rng):
    scores = synthetic_scores.make(rng)
    names = np.array(["normal", "pneumonia"])
    keys = [f"{names[k]}/{i}.png" for i, k in enumerate(scores.labels)]
    # One folder for each class says no more than the class.
    assert slices.folders(keys, scores.labels) is None
    keys[0] = "elsewhere/0.png"
    rows = _rows([slices.folders(keys, scores.labels)], scores)
    figures = _figures(rows["folder", "normal"])
    assert figures["auc"]["value"] is None
    assert figures["auc"]["reason"].startswith("No patients of class pneumonia")
    assert figures["sensitivity"]["value"] is None
    assert figures["specificity"]["value"] is not None
    assert slices.folders(["a.png", "b.png"], np.array([0, 1])) is None


def test_sizes_are_cut_at_their_tertiles():
    widths = np.array([100.0, 200, 300, 400, 500, 600, np.nan])
    heights = np.full(7, 1000.0)
    size, aspect = slices.sizes(widths, heights)
    assert size.name == "megapixels" and aspect.name == "width / height"
    assert size.order == ("up to 0.2", "0.2 to 0.4", "above 0.4")
    assert size.values.tolist() == [
        *["up to 0.2"] * 2,
        *["0.2 to 0.4"] * 2,
        *["above 0.4"] * 2,
        "",
    ]
    # Of equal images there is nothing to tell.
    assert slices.sizes(np.full(4, 256.0), np.full(4, 256.0)) == []
    assert slices.sizes(np.full(4, np.nan), np.full(4, 256.0)) == []


def test_tertiles_of_ties_are_fewer_and_of_all_images():
    values = ["1"] * 9 + ["2", "3", "4", "5", "6", "7"]
    column = slices.column_of("age", values)
    assert column.order == ("up to 1", "1 to 2", "above 2")
    assert (column.values == "up to 1").sum() == 9


@pytest.mark.parametrize("first", [0, 12])
def test_highest_number_of_most_images_is_a_part_of_its_own(first):
    # Not all images under the number of the first.
    values = [str(age) for age in range(1, 13)] + ["90"] * 40
    column = slices.column_of("age", values[first:] + values[:first])
    assert column.order == ("up to 12", "above 12")
    assert (column.values == "above 12").sum() == 40


def test_ends_of_parts_tell_dates_apart():
    column = slices.column_of("date", [f"202001{n:02}" for n in range(1, 10)])
    assert column.order == (
        "up to 20200103",
        "20200103 to 20200106",
        "above 20200106",
    )


def test_few_numbers_are_levels_and_words_are_words():
    levels = slices.column_of("stage", ["10", "9", "", "10"])
    assert levels.order == ("9", "10", slices.NOT_STATED)
    words = slices.column_of("site", [f"s{n}" for n in range(9)] + ["5"])
    assert words.order == ("5", *(f"s{n}" for n in range(9)))


def test_small_slices_are_suppressed_and_people_are_not_named(rng):
    scores = synthetic_scores.make(rng, num_images=60, num_patients=30)
    patients = np.arange(60) % 30
    values = np.where(patients < 20, "many", "few").astype(object)
    values[patients >= 24] = [f"Jane Doe {p}" for p in patients[patients >= 24]]
    rows = _rows([slices.column_of("who", values.tolist())], scores)
    assert {value for _, value in rows} == {
        *("many", "few", "6 values of one patient each"),
    }
    assert rows["who", "many"]["suppressed"] is None
    few = rows["who", "few"]
    assert (few["num_images"], few["num_patients"]) == (8, 4)
    assert few["suppressed"] == "Fewer than 5 patients."
    assert few["figures"] is None
    people = rows["who", "6 values of one patient each"]
    assert (people["num_images"], people["num_patients"]) == (12, 6)
    assert "may tell who" in people["suppressed"]


def test_auc_needs_patients_and_not_images_of_each_class(rng):
    scores = synthetic_scores.make(rng, num_images=200, num_patients=18)
    column = slices.column_of("all", ["x"] * 200)
    figures = _figures(_rows([column], scores)["all", "x"])
    assert figures["auc"]["value"] is None
    assert figures["auc"]["reason"].startswith("9 patients of class normal")
    assert figures["sensitivity"]["value"] is not None


def test_one_patient_of_a_class_is_one(rng):
    scores = synthetic_scores.make(rng, num_images=40, num_patients=40)
    chosen = (scores.labels == 1) | (np.cumsum(scores.labels == 0) == 1)
    own = scores.take(chosen)
    column = slices.column_of("all", ["x"] * len(own.keys))
    reason = _figures(_rows([column], own)["all", "x"])["auc"]["reason"]
    assert reason.startswith("1 patient of class normal;")


def test_more_than_two_classes_have_accuracy(rng):
    base = synthetic_scores.make(rng, num_images=90)
    scores = dataclasses.replace(
        base,
        labels=np.arange(90) % 3,
        probabilities=rng.dirichlet(np.ones(3), 90),
        class_names=("a", "b", "c"),
    )
    column = slices.column_of("all", ["x"] * 90)
    figures = _figures(_rows([column], scores, None)["all", "x"])
    assert set(figures) == {"auc", "accuracy"}
    assert figures["auc"]["value"] is not None


_KEYS = ["test/a/1.png", "test/a/2.png", "test/b/1.png"]


def _read(tmp_path, text, keys=_KEYS, encoding="utf-8"):
    path = tmp_path / "slices.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return slice_table.read(str(path), keys)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"], ids=str)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_table_is_read_in_the_order_of_the_images(tmp_path, encoding, end):
    lines = [
        "age, filename,sex",
        "5,test/b/1.png,f",
        "3,test/a/1.png,m",
        '"3",./test/a/1.png,m',
        "9,train/c.png,m",
        "",
    ]
    age, sex = _read(tmp_path, end.join(lines), encoding=encoding)
    assert (age.name, sex.name) == ("age", "sex")
    assert age.values.tolist() == ["3", slices.NOT_STATED, "5"]
    assert sex.values.tolist() == ["m", slices.NOT_STATED, "f"]


@pytest.mark.parametrize(
    "name, key",
    [
        ("2.png", "test/a/2.png"),
        ("b/1.png", "test/b/1.png"),
        ("/data/films/test/a/1.png", "test/a/1.png"),
        ("test\\a\\1.png", "test/a/1.png"),
    ],
)
def test_file_is_known_by_as_much_of_its_path_as_is_enough(tmp_path, name, key):
    (column,) = _read(tmp_path, f"filename,x\n{name},yes\n")
    (found,) = np.flatnonzero(column.values == "yes")
    assert _KEYS[found] == key


def test_names_are_equal_in_either_form_of_unicode(tmp_path):
    composed, taken_apart = "\u00e9.png", "e\u0301.png"
    (column,) = _read(tmp_path, f"filename,x\n{composed},yes\n", [taken_apart])
    assert column.values.tolist() == ["yes"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "`slices` must have a header .* with 0 columns"),
        ("name,x\na,1\n", "2 columns, none of them filename"),
        ("filename\n2.png\n", "at least one more"),
        ("filename,x,x\n2.png,1,2\n", "different names"),
        ("filename,x,\n2.png,1,2\n", "different names"),
        ("filename;x\n2.png;1,5\n", "separated by semicolons"),
        ("filename,x\n", "at least one file"),
        ("filename,x\n2.png\n", "2 values in each line.*line 2"),
        ("filename,x\n2.png,1,2\n", "2 values in each line.*line 2"),
        ("filename,x\n,1\n", "one of them a filename.*line 2"),
        ("filename,x\nz.png,1\n", "none of 1 rows does"),
        ("filename,x\n1.png,1\n", "test/a/1.png or test/b/1.png"),
        (
            "filename,x\n2.png,1\na/2.png,2\n",
            "in line 2, and otherwise in line 3",
        ),
        (b"filename,x\n2.png,\xe4\n", "must be UTF-8.*in line 2"),
        ('filename,x\n2.png,"a"b"\n', "comma-separated values.*line 2"),
    ],
)
def test_table_that_cannot_be_used_is_told(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        _read(tmp_path, text)
    assert "slices.csv" in str(error.value)


@pytest.mark.parametrize("name", ["", "none.csv", "."])
def test_missing_table_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`slices` must be an existing file"):
        slice_table.read(name, _KEYS)

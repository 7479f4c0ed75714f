"""One row for each input, in order, in constant memory, whatever it holds."""

import importlib
import io
import os
import subprocess
import sys

from PIL import Image
import numpy as np
import pytest

from evaluation import feature_distance
from inference import inputs as inputs_lib
from inference import prediction
from inference import predictor as predictor_lib
from inference import reference as reference_lib
from tests.helpers import predictors
from tests.helpers import processes


def write_films(folder, number):
    folder.mkdir()
    for index in range(number):
        pixels = np.random.default_rng(index).integers(0, 255, (40, 40))
        path = folder / f"{index:03}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


def predict(predictor, *paths, **options):
    inputs = inputs_lib.expand(map(str, paths), io.BytesIO())
    checking = prediction.Checking(**options)
    found = list(prediction.predict(predictor, inputs, checking))
    assert all(found)
    return [scored.row for part in found for scored in part]


def counting(sizes):
    """A predictor that notes how many images it is shown at a time."""

    def score(images):
        sizes.append(len(images))
        positive = images.mean(axis=(1, 2, 3)) / 255
        return predictor_lib.Outputs(np.stack([1 - positive, positive], 1))

    return predictors.make(score=score)


def test_rows_are_in_order_and_images_in_batches(tmp_path):
    folder = write_films(tmp_path / "films", 30)
    for index in (0, 7, 8, 9, 29):
        (folder / f"{index:03}.png").write_bytes(b"text")
    sizes = []
    rows = predict(counting(sizes), folder)
    assert [os.path.basename(row.path) for row in rows] == [
        f"{index:03}.png" for index in range(30)
    ]
    assert sizes == [8, 8, 8, 1]
    assert [bool(row.error) for row in rows] == [
        index in (0, 7, 8, 9, 29) for index in range(30)
    ]
    for row in rows:
        assert (row.prediction is None) == bool(row.error)
    # Each row has the score of its own film.
    predictor = predictors.make()
    for row in rows[1:7]:
        [expected] = predictor.predict(
            predictor.prepare(open(row.path, "rb").read())[np.newaxis]
        )
        np.testing.assert_array_equal(
            row.prediction.probabilities, expected.probabilities
        )


def test_rows_do_not_wait_for_a_good_file(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    given = (inputs_lib.Input(str(bad)) for _ in iter(int, 1))  # Endless.
    first = next(prediction.predict(predictors.make(), given))
    assert 8 <= len(first) <= 64
    assert all(each.row.error.startswith("empty") for each in first)


def test_every_kind_of_damaged_file_gets_one_row(tmp_path, monkeypatch):
    pytest.importorskip("pydicom")
    monkeypatch.syspath_prepend(str(processes.ROOT / "benchmarks"))
    mutants = importlib.import_module("mutants")
    made = list(mutants.make(260, 0))
    assert len({mutant.mutation for mutant in made}) == 19
    for index, mutant in enumerate(made):
        (tmp_path / f"{index:04}.{mutant.format[:4]}").write_bytes(mutant.data)
    rows = predict(predictors.make(), tmp_path)
    assert [int(os.path.basename(row.path)[:4]) for row in rows] == list(
        range(260)
    )
    for mutant, row in zip(made, rows):
        verdict = mutants.judge(mutant)
        assert (verdict.outcome == "decoded") == (not row.error), row
        assert row.error.startswith(
            "" if verdict.outcome == "decoded" else verdict.outcome
        )
    assert 50 < sum(not row.error for row in rows) < 210


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_what_is_no_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    rows = predict(
        predictors.make(), tmp_path, tmp_path / "no", "x" * 5000, "a\0b"
    )
    assert len(rows) == 6
    assert all(row.error for row in rows)
    assert "a named pipe" in rows[2].error


def test_missing_library_is_told_in_the_row(tmp_path, monkeypatch):
    data = bytes(128) + b"DICM" + bytes(100)
    (tmp_path / "film.dcm").write_bytes(data)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    [row] = predict(predictors.make(), tmp_path)
    assert "pydicom" in row.error and "pip install" in row.error


def test_network_that_returns_no_number_is_told(tmp_path):
    folder = write_films(tmp_path / "films", 2)
    predictor = predictors.make(
        score=lambda images: predictor_lib.Outputs(
            np.array([[np.nan, np.nan], [0.5, 0.5]])
        )
    )
    first, second = predict(predictor, folder)
    assert "no number" in first.error and first.prediction is None
    assert not second.error


def reference():
    # Bright above, dark below; the only feature is the mean.
    return reference_lib.Reference(
        "0" * 64,
        feature_distance.Classes(np.array([[0.5, 0.5]]), np.eye(2)),
        0.2,
        np.repeat(np.linspace(200, 50, 8), 8),
    )


def test_flagged_films_are_scored_unless_that_is_refused(tmp_path):
    ramp = np.repeat(np.linspace(200, 50, 64), 64).reshape(64, 64)
    for name, pixels in {"a": ramp, "b": 255 - ramp, "c": ramp / 4}.items():
        image = Image.fromarray(pixels.astype(np.uint8))
        image.save(tmp_path / f"{name}.png")
    options = {"reference": reference()}
    predictor = predictors.make()
    expected = [(), ("inverted",), ("unfamiliar",)]
    rows = predict(predictor, tmp_path, **options)
    assert [row.flags for row in rows] == expected
    assert not any(row.error for row in rows)
    rows = predict(predictor, tmp_path, refuses=True, **options)
    assert [row.flags for row in rows] == expected
    assert [row.error for row in rows] == [
        *("", "input check: inverted", "input check: unfamiliar")
    ]
    assert rows[1].prediction is None
    rows = predict(predictor, tmp_path, is_on=False, **options)
    assert [row.flags for row in rows] == [(), (), ()]


MEMORY = """
import io, itertools, resource, sys
from inference import inputs, prediction
from tests.helpers import predictors

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

predictor = predictors.make(batch_size=32)
paths = itertools.cycle(sys.argv[1:])
def run(number):
    given = inputs.expand(itertools.islice(paths, number), io.BytesIO())
    return sum(len(rows) for rows in prediction.predict(predictor, given))
assert run(2000) == 2000
before = peak()
assert run(20000) == 20000
print(peak() - before, "tensorflow" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in KiB")
def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    folder = write_films(tmp_path / "films", 4)
    (folder / "bad.png").write_bytes(b"text")
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, sorted(folder.iterdir()))],
        cwd=processes.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    kibibytes, _ = result.stdout.split()
    # A kilobyte for each of 20,000 rows would be 20 MB.
    assert int(kibibytes) < 4096

"""`predict.py` from the command line: rows, files, exit statuses."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

from PIL import Image
import numpy as np
import pytest

from inference import examples as examples_lib
from inference import predict_config
from inference import predicting
from inference import runs
from inference import scoring
from tests.helpers import processes
from tests.helpers import programs
from tests.helpers import trained_runs
from tests.helpers import warm_python
from training import errors
from training.config import options


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    trained_runs.write_tree(root / "films")
    trained_runs.train(root, root / "run", epochs=1)
    return root


@pytest.fixture
def films(root):
    return root / "films" / "validation"


def make_config(root, **options):
    return predict_config.PredictConfig(workdir=str(root / "run"), **options)


def command(*arguments):
    return [sys.executable, str(processes.ROOT / "predict.py")] + [
        str(argument) for argument in arguments
    ]


def run(*arguments, **options):
    return subprocess.run(
        command(*arguments),
        env=warm_python.fresh_environment(),
        capture_output=True,
        timeout=300,
        **options,
    )


def read_csv(data):
    text = data.decode("utf-8", "surrogateescape")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_rows_equal_the_scores_of_evaluate(root, films):
    """The process, a list on standard input, and nothing beside the rows."""
    opened = runs.open_run(root / "run")
    expected = scoring.score(
        opened, examples_lib.open_split(opened, "validation")
    )
    keys = expected.keys.tolist()[::-1]
    names = b"\0".join(os.fsencode(films / key) for key in keys)
    result = run(f"--workdir={root / 'run'}", "-", input=names)
    assert result.returncode == 0, result.stderr
    # Of what no file says: one line.
    assert programs.said(result.stderr).count("\n") == 1
    assert b"No threshold was chosen" in result.stderr
    rows = read_csv(result.stdout)
    assert [row["path"] for row in rows] == [str(films / k) for k in keys]
    found = [
        [float(row[f"p({name})"]) for name in opened.class_names]
        for row in rows
    ]
    np.testing.assert_array_equal(found[::-1], expected.probabilities)
    for row, (_, positive) in zip(rows, found):
        assert row["decision"] == opened.class_names[positive >= 0.5]
        assert float(row["calibrated(pneumonia)"]) == positive


def test_bad_inputs_have_rows_and_the_status_says_so(
    root, films, tmp_path, capsysbinary
):
    (tmp_path / "text.png").write_bytes(b"text")
    good = sorted((films / "normal").iterdir())[0]
    given = [str(tmp_path / "text.png"), str(good), str(tmp_path / "no.png")]
    config = make_config(root)
    assert predicting.predict(config, given) == errors.SOME_NOT_SCORED_STATUS
    output = capsysbinary.readouterr()
    rows = read_csv(output.out)
    assert [bool(row["error"]) for row in rows] == [True, False, True]
    assert b"2 of 3 inputs could not be scored, first" in output.err
    assert predicting.predict(config, given[:1]) == errors.NONE_SCORED_STATUS
    assert predicting.predict(config, given[1:2]) == 0
    empty = str(tmp_path / "*.dcm")
    assert predicting.predict(config, [empty]) == errors.NONE_SCORED_STATUS


def test_file_is_there_once_all_rows_are_in_it(root, films, tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text("earlier")
    config = make_config(root, output=str(path))
    assert predicting.predict(config, [str(films)]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 22
    assert rows[0]["probabilities"].keys() == {"normal", "pneumonia"}
    assert os.listdir(tmp_path) == ["scores.jsonl"]


def test_rows_do_not_take_the_place_of_a_film(root, films, tmp_path):
    film = tmp_path / "film.csv"
    shutil.copy(min((films / "normal").iterdir()), film)
    before = film.read_bytes()
    config = make_config(root, output=str(film))
    with pytest.raises(ValueError, match="`output` must not be an image"):
        predicting.predict(config, [str(film)])
    assert film.read_bytes() == before


def test_output_that_is_no_file_is_left_alone(tmp_path):
    path = tmp_path / "rows.csv"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="leave out --output for"):
        predict_config.PredictConfig(output=str(path))


def test_process_without_standard_input_scores_what_is_named(
    root, films, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", None)
    path = tmp_path / "scores.csv"
    film = min((films / "normal").iterdir())
    config = make_config(root, output=str(path))
    assert predicting.predict(config, [str(film), "-"]) == 0
    assert len(path.read_text().splitlines()) == 2


def test_interrupted_work_leaves_the_earlier_file(
    root, films, tmp_path, monkeypatch
):
    path = tmp_path / "scores.csv"
    path.write_text("earlier")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(predicting._Tally, "add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        predicting.predict(make_config(root, output=str(path)), [str(films)])
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["scores.csv"]


def test_overlays_show_each_scored_film(root, films, tmp_path, capsysbinary):
    folder = tmp_path / "in"
    folder.mkdir()
    names = ["a b\n.png", os.fsdecode(b"\xff.png"), "c.png"]
    for name, film in zip(names, sorted((films / "normal").iterdir())):
        shutil.copy(film, folder / name)
    (folder / "bad.png").write_bytes(b"")
    config = make_config(
        root, explain_dir=str(tmp_path / "maps"), format="jsonl"
    )
    status = predicting.predict(config, [str(folder)])
    assert status == errors.SOME_NOT_SCORED_STATUS
    rows = list(map(json.loads, capsysbinary.readouterr().out.splitlines()))
    overlays = [row["overlay"] for row in rows]
    assert [overlay is None for overlay in overlays] == [
        *(False, True, False, False)
    ]
    for overlay in filter(None, overlays):
        assert os.path.basename(overlay).isascii()
        assert Image.open(overlay).size == (64, 64)
        assert Image.open(overlay).mode == "RGB"
    assert len(os.listdir(tmp_path / "maps")) == 3


def test_check_that_cannot_be_made_is_told_or_refused(
    root, films, tmp_path, monkeypatch, capsysbinary
):
    from inference import reference_fit

    def refuse(run, data_dir):
        raise ValueError("The records are not there.")

    monkeypatch.setattr(reference_fit, "open_reference", refuse)
    assert predicting.predict(make_config(root), [str(films)]) == 0
    output = capsysbinary.readouterr()
    assert b"The records are not there." in output.err
    assert (
        predicting.predict(make_config(root, input_check="off"), [str(films)])
        == 0
    )
    assert b"The records" not in capsysbinary.readouterr().err
    with pytest.raises(ValueError, match="--input_check=fail cannot be kept"):
        predicting.predict(make_config(root, input_check="fail"), [str(films)])


def test_reader_that_has_seen_enough_ends_it_quietly(root, films):
    many = b"\n".join([os.fsencode(films)] * 400)
    process = subprocess.Popen(
        command(f"--workdir={root / 'run'}", "--input_check=off", "-"),
        env=warm_python.fresh_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(many)
    process.stdin.close()
    assert process.stdout.readline().startswith(b"path,decision")
    process.stdout.close()
    error = programs.said(process.stderr.read())
    process.stderr.close()
    assert process.wait(300) == errors.OUTPUT_LOST_STATUS
    assert "Traceback" not in error and error.count("\n") <= 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "Name what is to be scored"),
        (["--output=scores.txt", "a"], "--format=csv or --format=jsonl"),
        (["--output=no/such/scores.csv", "a"], "in an existing directory"),
        (["--input_check=maybe", "a"], "flag|fail|off"),
        (
            ["--model=best.keras", "a"],
            "`model` must be best, last, or what exp",
        ),
        (["--model=.", "--workdir=run", "a"], "either --workdir or --model"),
        (["--nonsense", "a"], "nonsense"),
    ],
)
def test_mistyped_options_are_told_before_tensorflow_loads(
    arguments, message, tmp_path
):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr.decode()
    assert b"Traceback" not in result.stderr
    assert not result.stdout


def test_help_names_each_option():
    result = run("--help")
    assert result.returncode == 0
    for option in options.flags_of(predict_config.PredictConfig):
        assert f"--{option.name}" in result.stdout.decode()

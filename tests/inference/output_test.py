"""An evaluation is there as a whole or not at all."""

import datetime
import errno
import json
import os

import pytest

from evaluation import report
from evaluation import score_table
from inference import config as config_lib
from inference import output
from tests.helpers import evaluation_results
from tests.helpers import killed_runs
from tests.helpers import synthetic_scores
from training import errors

NOW = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.timezone.utc)
FILES = {"metrics.json", "scores.csv", "report.html", "model_card.md"}


@pytest.fixture(scope="module")
def results():
    return evaluation_results.make_binary(20)


@pytest.fixture
def table(rng):
    scores = synthetic_scores.make(rng, num_images=20)
    decided = (scores.positive >= 0.5).astype(int)
    return score_table.Table(scores, scores.probabilities, decided)


def choose(workdir, **options):
    config = config_lib.EvaluateConfig(**options)
    return output.choose_directory(config, str(workdir), NOW)


def names(directory):
    return {path.name for path in directory.iterdir()}


def test_numbers_scores_and_pages_are_written(results, table, tmp_path):
    path = output.write(tmp_path / "a/b", results, table)
    assert path == tmp_path / "a/b/report.html"
    assert names(tmp_path / "a/b") == FILES and names(tmp_path / "a") == {"b"}
    content = json.loads((tmp_path / "a/b/metrics.json").read_bytes())
    assert content == json.loads(json.dumps(results))
    found = score_table.read(tmp_path / "a/b/scores.csv")
    assert found.scores.keys.tolist() == table.scores.keys.tolist()


def test_default_directory_is_named_after_what_is_evaluated(tmp_path):
    stamp = NOW.astimezone().strftime("%Y%m%d-%H%M%S")
    folder = tmp_path / "clinic"
    folder.mkdir()
    parent = tmp_path / "evaluation"
    assert choose(tmp_path) == parent / f"validation-{stamp}"
    assert choose(tmp_path, images_dir=f"{folder}/") == (
        parent / f"clinic-{stamp}"
    )


def test_evaluations_of_one_second_do_not_meet(results, table, tmp_path):
    wanted = choose(tmp_path)
    found = [
        output.write(wanted, results, table, is_named=False).parent.name
        for _ in range(3)
    ]
    assert found == [wanted.name, f"{wanted.name}-2", f"{wanted.name}-3"]


def test_named_directory_is_never_shared(results, table, tmp_path):
    """Two evaluations that found it free: the second one gives way."""
    wanted = choose(tmp_path, output_dir=str(tmp_path / "out"))
    output.write(wanted, {**results, "title": "first"}, table)
    with pytest.raises(errors.StorageError, match="not empty.*--output_dir"):
        output.write(wanted, {**results, "title": "second"}, table)
    content = json.loads((wanted / "metrics.json").read_bytes())
    assert content["title"] == "first" and names(wanted) == FILES
    assert names(tmp_path) == {"out"}


def test_directory_that_is_there_stays_the_same(
    results, table, tmp_path, monkeypatch
):
    """It may be where one is, or another disk's."""
    monkeypatch.chdir(tmp_path)
    inode = tmp_path.stat().st_ino
    path = output.write(choose("run", output_dir="."), results, table)
    assert path == tmp_path / "report.html" and names(tmp_path) == FILES
    assert tmp_path.stat().st_ino == inode


def test_directory_that_cannot_be_one_is_refused(tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    for name in ("full", "full/file"):
        with pytest.raises(ValueError, match="new or an empty directory"):
            choose(tmp_path, output_dir=str(tmp_path / name))
    with pytest.raises(ValueError, match="full/file is no directory"):
        choose(tmp_path, output_dir=str(tmp_path / "full/file/a/b"))
    (tmp_path / "evaluation").touch()
    with pytest.raises(ValueError, match="evaluation is no directory.*Name an"):
        choose(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="can be written to. Name another"):
        choose(tmp_path, output_dir=str(tmp_path / "new"))


def test_run_that_is_not_there_is_told_of_elsewhere(tmp_path):
    assert choose(tmp_path / "nope").parent.parent == tmp_path / "nope"


@pytest.mark.parametrize("is_there", [False, True])
def test_full_disk_leaves_nothing(
    is_there, results, table, tmp_path, monkeypatch
):
    def fail(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    directory = tmp_path / "out"
    if is_there:
        directory.mkdir()
    monkeypatch.setattr(score_table, "write", fail)
    with pytest.raises(errors.StorageError, match="No space left") as raised:
        output.write(directory, results, table)
    assert raised.value.status == 4
    assert list(tmp_path.rglob("*")) == ([directory] if is_there else [])


def _in_child_killed_at(module, name, number, work):
    """Runs `work` in a process that dies in a call of a function."""
    pid = os.fork()
    if not pid:
        killed_runs.die_in_call(module, name, number)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    "module, name, number",
    [
        (score_table, "write", 1),
        (report, "write_report", 1),
        (os, "replace", 1),
        (os, "rename", 1),
    ],
)
def test_killed_evaluation_can_be_repeated(
    is_there, module, name, number, results, table, tmp_path
):
    directory = tmp_path / "out"
    if is_there:
        directory.mkdir()
    assert _in_child_killed_at(
        *(module, name, number),
        lambda: output.write(directory, results, table),
    )
    visible = [p for p in tmp_path.rglob("[!.]*") if "/." not in str(p)]
    assert visible == ([directory] if is_there else [])
    wanted = choose(tmp_path, output_dir=str(directory))
    assert output.write(wanted, results, table).is_file()
    assert FILES <= names(directory)

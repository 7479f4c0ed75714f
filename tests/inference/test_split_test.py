"""Nothing but an evaluation of it opens the test split: files are traced."""

import shutil

import pytest

from inference import examples as examples_lib
from inference import runs
from inference import scoring
from tests.helpers import file_access
from tests.helpers import programs
from tests.helpers import trained_runs

FLAGS = (
    *("--image_size=64", "--epochs=1", "--batch_size=16"),
    "--rescale=1/255",
)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films, records and a run; the records look as if they were changed."""
    root = tmp_path_factory.mktemp("traced")
    trained_runs.write_tree(root / "films")
    trained_runs.train(root, root / "run", epochs=1)
    for split in trained_runs.COUNTS:
        for path in shards(root, split):
            path.touch()
    return root


def shards(root, split):
    found = sorted(root.glob(f"records/**/*-{split}.tfrecord*"))
    assert found
    return found


def run_program(*arguments, root):
    data = [f"--images_dir={root / 'films'}", f"--data_dir={root / 'records'}"]
    programs.run(*arguments, *FLAGS, *data)


def train(root):
    run_program("train.py", f"--workdir={root / 'again'}", root=root)


def sweep(root):
    run_program(
        *("-m", "training.sweep", f"--sweep_dir={root / 'sweep'}"),
        *("--try", "learning_rate=0.01", "--"),
        root=root,
    )


def evaluate_validation(root):
    run = runs.open_run(root / "run")
    scoring.score(run, examples_lib.open_split(run, "validation"))


@file_access.needs_inotify
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(train, marks=pytest.mark.slow),
        pytest.param(sweep, marks=pytest.mark.slow),
        evaluate_validation,
    ],
)
def test_test_split_is_not_opened(work, films):
    watched = [*shards(films, "train"), *shards(films, "validation")]
    secret = shards(films, "test")
    with file_access.watching(*watched, *secret) as opened:
        work(films)
    assert not opened.intersection(secret)
    # The tracing sees what is opened, in this process and in others.
    assert opened.intersection(watched)


@file_access.needs_inotify
def test_evaluation_of_the_test_split_is_seen(films):
    run = runs.open_run(films / "run")
    with file_access.watching(*shards(films, "test")) as opened:
        examples_lib.open_split(run, "test")
    assert opened == set(shards(films, "test"))


def test_test_split_of_garbage_hinders_nobody(films, tmp_path):
    """Whoever read it would fail."""
    root = tmp_path / "copy"
    shutil.copytree(films, root)
    for path in shards(root, "test"):
        path.write_bytes(b"\xff" * path.stat().st_size)
    trained_runs.train(root, root / "hindered", epochs=1)
    run = runs.open_run(root / "hindered")
    assert str(root) in run.info["records"]
    scoring.score(run, examples_lib.open_split(run, "validation"))
    with pytest.raises(ValueError, match="-test.tfrecord.*cannot be read"):
        examples_lib.open_split(run, "test")
    # Nor have the records been built again.
    for path in shards(root, "test"):
        assert set(path.read_bytes()) == {0xFF}

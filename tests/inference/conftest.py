"""A run on synthetic films, trained once, that tests open or copy."""

import shutil

import pytest

from inference import runs
from tests.helpers import trained_runs


@pytest.fixture(scope="package")
def trained(tmp_path_factory):
    """A folder with `films`, `records` and `run`, and the run's own scores."""
    root = tmp_path_factory.mktemp("trained")
    trained_runs.write_tree(root / "films")
    return root, trained_runs.train(root, root / "run")


@pytest.fixture(scope="package")
def run(trained):
    """The run, opened with its best weights."""
    root, _ = trained
    return runs.open_run(root / "run")


@pytest.fixture(scope="package")
def second(trained):
    """The directory of another run on the same records."""
    root, _ = trained
    trained_runs.train(root, root / "second", seed=4, epochs=1)
    return root / "second"


@pytest.fixture
def data_dir(trained, tmp_path):
    """A copy of the records, of which nothing was opened."""
    root, _ = trained
    return shutil.copytree(root / "records", tmp_path / "records")


@pytest.fixture
def workdir(trained, tmp_path):
    """A copy of the run's directory, to be damaged."""
    root, _ = trained
    return shutil.copytree(root / "run", tmp_path / "run")

"""SIGKILL at any step: the resumed run has the bits of one untouched."""

import random
import signal

import numpy as np
import pytest

from tests.helpers import killed_runs

pytestmark = pytest.mark.slow

NUM_KILLS = 10


@pytest.fixture(scope="module")
def context():
    return killed_runs.start_context()


@pytest.fixture(scope="module")
def untouched(context, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("untouched")
    assert killed_runs.run(context, workdir) == 0
    return killed_runs.read_result(workdir)


def assert_same(result, untouched):
    assert result.keys() == untouched.keys()
    for name, array in untouched.items():
        np.testing.assert_array_equal(result[name], array, err_msg=name)


def test_run_killed_at_random_steps_has_the_same_bits(
    context, untouched, tmp_path
):
    # Several runs: between two checkpoints a run gets no further, however
    # often it is killed there.
    generator = random.Random(0)
    kills = 0
    while kills < NUM_KILLS:
        workdir = tmp_path / f"run-{kills}"
        for _ in range(5):
            step = generator.randint(1, killed_runs.STEPS // 2)
            status = killed_runs.run(context, workdir, kill_at=step)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            kills += 1
        if status != 0:
            assert killed_runs.run(context, workdir) == 0
        assert_same(killed_runs.read_result(workdir), untouched)


@pytest.mark.parametrize(
    "function, number", [("fsync", 5), ("rename", 2), ("replace", 2)]
)
def test_run_killed_while_writing_has_the_same_bits(
    function, number, context, untouched, tmp_path
):
    status = killed_runs.run(
        context, tmp_path, kill_at=number, kill_in=function
    )
    assert status == -signal.SIGKILL
    assert killed_runs.run(context, tmp_path) == 0
    assert_same(killed_runs.read_result(tmp_path), untouched)

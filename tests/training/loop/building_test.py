"""Parts of a run that do not fit each other."""

import types

import pytest

from training import config as config_lib
from training.loop import building


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("warmup, num_steps", [(0.5, 1), (0.9, 3)])
def test_warm_up_of_all_steps_is_refused(schedule, warmup, num_steps):
    # The rate would rise from 0 to less than it should be, or not at all.
    config = config_lib.TrainConfig(
        epochs=1, warmup_epochs=warmup, schedule=schedule
    )
    progress = types.SimpleNamespace(num_steps=num_steps)
    inputs = types.SimpleNamespace(train_progress=lambda: progress)
    with pytest.raises(
        ValueError, match=f"`warmup_epochs` must.*{num_steps} of {num_steps}"
    ):
        building._build_schedule(config, inputs)
    progress.num_steps = 10
    assert building._build_schedule(config, inputs).warmup_steps < 10

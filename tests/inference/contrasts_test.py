"""What images are sliced by."""

import types

from inference import config as config_lib
from inference import contrasts
from inference import overlap as overlap_lib
from tests.helpers import synthetic_scores


def test_slice_of_films_that_the_run_has_seen_claims_no_training(rng):
    """A film of validation chose the model, which did not learn from it."""
    scores = synthetic_scores.make(rng, num_images=20)
    seen = {scores.keys[3]: "The file is in the run's validation split (a)."}
    subject = types.SimpleNamespace(
        scores=scores,
        first=types.SimpleNamespace(rows={}),
        overlap=overlap_lib.Overlap(seen),
    )
    columns = contrasts._columns(config_lib.EvaluateConfig(), subject)
    column = {each.name: each for each in columns}["seen by the run"]
    assert (column.values == "yes").tolist() == [n == 3 for n in range(20)]

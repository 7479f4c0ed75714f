"""Scores equal those of training, however images are stored and batched."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from inference import examples as examples_lib
from inference import runs
from inference import scoring
import pipeline
from tests.helpers import trained_runs


def open_validation(run):
    return examples_lib.open_split(run, "validation")


def with_budget(run, gigabytes):
    settings = run.settings | {"memory_budget_gb": gigabytes}
    return dataclasses.replace(run, settings=settings)


def check_equal_to_training(run, scored):
    """Compares with what the loop computed at the end of the run's epoch."""
    labels, expected, weights = scored
    assert weights.all()
    examples = open_validation(run)
    found = scoring.score(run, examples)
    # Training has them in the order of the split, not of the keys.
    found = found.take([found.keys.tolist().index(k) for k in examples.keys])
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.probabilities, expected)
    assert len(np.unique(expected[:, 1])) > 15
    record = run.epochs[run.epoch - 1]
    assert sklearn_metrics.roc_auc_score(
        found.labels, found.positive
    ) == pytest.approx(record["val_auc"], abs=1e-12)
    assert sklearn_metrics.accuracy_score(
        found.labels, found.positive > 0.5
    ) == pytest.approx(record["val_accuracy"], abs=1e-12)


@pytest.mark.parametrize("weights", ["best", "last"])
def test_scores_are_those_of_training_bit_for_bit(weights, trained):
    root, scored = trained
    run = runs.open_run(root / "run", weights=weights)
    if weights == "last":
        assert run.epoch == 2
    check_equal_to_training(run, scored[run.epoch - 1])


def test_normalised_and_averaged_run_is_scored_as_trained(trained, tmp_path):
    scored = trained_runs.train(
        trained[0],
        tmp_path,
        augment=pipeline.AugmentConfig(
            rescale=1 / 255,
            featurewise_center=True,
            featurewise_std_normalization=True,
            rotation_range=5,
        ),
        ema_decay=0.5,
        epochs=1,
    )
    run = runs.open_run(tmp_path)
    assert run.statistics.mean.shape == (1, 1, 1)
    assert run.augment.rotation_range == 0
    check_equal_to_training(run, scored[0])


def test_scores_do_not_depend_on_where_images_are(run):
    in_memory = scoring.score(run, open_validation(run))
    streaming = with_budget(run, 1e-7)
    examples = open_validation(streaming)
    assert examples.sources[0].images is None
    streamed = scoring.score(streaming, examples)
    assert in_memory.keys.tolist() == sorted(in_memory.keys)
    for field in ("keys", "patients", "labels", "probabilities"):
        np.testing.assert_array_equal(
            getattr(in_memory, field), getattr(streamed, field)
        )


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_batch_size_changes_roundings_alone(batch_size, run):
    examples = open_validation(run)
    expected = scoring.score(run, examples)
    calls = []
    found = scoring.score(
        run,
        examples,
        batch_size=batch_size,
        progress=lambda done, total: calls.append((done, total)),
    )
    np.testing.assert_allclose(
        found.probabilities, expected.probabilities, rtol=0, atol=1e-6
    )
    assert calls[-1] == (22, 22) and len(calls) == -(-22 // batch_size)


def test_one_trace_serves_all_batches(run):
    examples = open_validation(run)
    for batch_size in (3, 7):
        scoring.score(run, examples, batch_size=batch_size)
    assert run.outputs.experimental_get_tracing_count() == 1


def test_ensemble_is_the_mean_by_key(run):
    scores = scoring.score(run, open_validation(run))
    other = dataclasses.replace(
        scores, probabilities=scores.probabilities[:, ::-1]
    ).take(np.arange(len(scores.keys))[::-1])
    found = scoring.mean([scores, other])
    assert found.keys.tolist() == scores.keys.tolist()
    np.testing.assert_allclose(found.probabilities, 0.5, atol=1e-12)


def test_ensemble_of_other_examples_is_refused(run):
    scores = scoring.score(run, open_validation(run))
    first = scores.keys[0]
    with pytest.raises(ValueError, match=f"number 2.*{first} is in one"):
        scoring.mean([scores, scores.take(range(1, 22))])
    labels = 1 - scores.labels
    with pytest.raises(ValueError, match=f"number 3.*{first} is normal in the"):
        scoring.mean(
            [scores, scores, dataclasses.replace(scores, labels=labels)]
        )

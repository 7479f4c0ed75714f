"""Networks of several runs are one model: the mean of their probabilities."""

import dataclasses

import numpy as np
import pytest

from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import overlap as overlap_lib
from inference import runs as runs_lib


def open_validation(run):
    return examples_lib.open_split(run, "validation")


@pytest.fixture(scope="module")
def pair(trained, second):
    root, _ = trained
    return ensemble_lib.Ensemble([str(root / "run"), str(second)])


def test_scores_are_the_mean(pair, trained, second):
    root, _ = trained
    subject = pair.score(open_validation)
    alone = [
        ensemble_lib.Ensemble([str(path)]).score(open_validation).scores
        for path in (root / "run", second)
    ]
    assert not np.allclose(alone[0].probabilities, alone[1].probabilities)
    np.testing.assert_array_equal(
        subject.scores.probabilities,
        (alone[0].probabilities + alone[1].probabilities) / 2,
    )
    assert subject.scores.keys.tolist() == alone[0].keys.tolist()
    assert subject.name == "validation" and len(set(pair.digests)) == 2


def test_same_records_are_shown_once(pair):
    ((examples, indices),) = pair.score(open_validation).groups()
    assert indices == [0, 1] and examples.name == "validation"


def test_what_any_network_has_seen_counts(pair, second):
    """Also where both are shown the same records of a folder."""

    def open_examples(run):
        examples = open_validation(run)
        seen = {examples.keys[0]: "seen"} if run.workdir == second else {}
        return dataclasses.replace(examples, overlap=overlap_lib.Overlap(seen))

    assert len(pair.score(open_examples).overlap.seen) == 1


def test_predictions_of_images_add_up_to_the_scores(pair):
    subject = pair.score(open_validation)
    (images,) = subject.first.batches(64)
    order = np.argsort(subject.first.keys)
    np.testing.assert_allclose(
        pair.predict([0, 1], images)[order] / 2,
        subject.scores.probabilities,
        atol=1e-6,
    )


def test_model_counts_once(trained):
    root, _ = trained
    with pytest.raises(ValueError, match="name each model once.*run,.*run"):
        ensemble_lib.Ensemble([str(root / "run"), str(root / "run")])


def test_other_classes_are_refused(trained, second, monkeypatch):
    root, _ = trained
    opened = runs_lib.open_run

    def open_run(path, **options):
        run = opened(path, **options)
        if "second" not in str(path):
            return run
        return dataclasses.replace(run, class_names=("normal", "covid"))

    monkeypatch.setattr(runs_lib, "open_run", open_run)
    with pytest.raises(ValueError, match="same classes.*second with normal, c"):
        ensemble_lib.Ensemble([str(root / "run"), str(second)])

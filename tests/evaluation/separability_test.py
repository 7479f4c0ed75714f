"""How well features separate classes, by models that know no patient."""

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics
from sklearn import model_selection

from evaluation import separability


def test_no_patient_is_on_both_sides():
    # Features name the patient; labels are random but equal within a patient.
    generator = np.random.default_rng(0)
    groups = np.arange(60).repeat(5)
    targets = generator.integers(0, 2, 60)[groups]
    values = generator.normal(size=(60, 50))[groups]
    estimate = separability.estimate_auc(values, targets, groups)
    assert estimate.low < 0.5 < estimate.high
    leaking = model_selection.cross_val_predict(
        linear_model.LogisticRegression(),
        values,
        targets,
        cv=model_selection.StratifiedKFold(5, shuffle=True, random_state=0),
        method="decision_function",
    )
    assert metrics.roc_auc_score(targets, leaking) > 0.95


def test_values_between_those_of_the_other_class_are_found():
    generator = np.random.default_rng(0)
    targets = np.arange(200) % 2
    values = np.where(targets, 0.0, generator.choice([-2, 2], 200))
    values += 0.3 * generator.normal(size=200)
    estimate = separability.estimate_auc(
        values[:, np.newaxis], targets, np.arange(200)
    )
    assert estimate.auc > 0.95


@pytest.mark.parametrize("groups", ["aaaa", "abbb"], ids=["one", "one each"])
def test_too_few_patients_are_said_to_be_too_few(groups):
    with pytest.raises(separability.NotMeasurableError, match="two patients"):
        separability.estimate_auc(
            np.eye(4), np.array([0, 1, 1, 1]), np.array(list(groups))
        )


def test_auc_is_the_same_for_all_versions_and_orders():
    generator = np.random.RandomState(0)
    patients = np.arange(80).repeat(generator.randint(1, 6, 80))
    targets = generator.randint(0, 2, 80)[patients]
    values = generator.normal(size=(len(patients), 1)) + targets[:, np.newaxis]
    expected = separability.estimate_auc(values, targets, patients)
    # So with scikit-learn 1.4.2, 1.7.2 and 1.9.1.
    assert expected.auc == pytest.approx(0.751050, abs=1e-5)
    order = generator.permutation(len(patients))
    assert expected == separability.estimate_auc(
        values[order], targets[order], patients[order]
    )

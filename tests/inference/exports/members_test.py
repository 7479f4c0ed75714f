"""Several runs exported as one model: the mean of their probabilities."""

import dataclasses
import json

import numpy as np
import pytest

from inference import config as config_lib
from inference import ensemble as ensemble_lib
from inference import examples as examples_lib
from inference import runs as runs_lib
from inference.exports import config as export_config
from inference.exports import exporting
from inference.exports import loading
from inference.exports import manifest as manifest_lib
from inference.exports import members as members_lib
from tests.helpers import exports


def _open_validation(run):
    return examples_lib.open_split(run, "validation")


@pytest.fixture(scope="module")
def workdirs(trained, second):
    return [str(trained[0] / "run"), str(second)]


@pytest.fixture(scope="module")
def subject(workdirs):
    """What evaluate.py scores."""
    return ensemble_lib.Ensemble(workdirs).score(_open_validation)


@pytest.fixture(scope="module", params=exports.FORMATS)
def exported(request, workdirs, tmp_path_factory):
    exports.skip_without(request.param)
    out = tmp_path_factory.mktemp("exports") / request.param
    config = export_config.ExportConfig(workdir=workdirs, format=request.param)
    exporting.export(config, out)
    return out


def test_export_says_what_evaluate_says_of_the_ensemble(exported, subject):
    opened = loading.open_export(exported)
    images = subject.first.read_images(subject.scores.keys.tolist())
    found = np.stack([p.probabilities for p in opened.predict(images)])
    np.testing.assert_allclose(found, subject.scores.probabilities, atol=2e-6)
    assert (opened.threshold, opened.temperature) == (0.5, None)
    assert "mean of 2 runs" in opened.note


def test_manifest_names_each_member(exported, workdirs):
    content = json.loads((exported / manifest_lib.FILE).read_text())
    digests = ensemble_lib.Ensemble(workdirs).digests
    members = content["model"]["members"]
    assert [member["sha256"] for member in members] == list(digests)
    assert content["model"]["sha256"] not in digests


# Of each format it would be the same.
@pytest.mark.parametrize("exported", ["keras"], indirect=True)
def test_export_is_evaluated_with_its_runs_and_with_no_other(
    exported, workdirs, subject
):
    config = config_lib.EvaluateConfig(workdir=workdirs, model=str(exported))
    ensemble = ensemble_lib.Ensemble(config.workdir, model=config.model)
    np.testing.assert_allclose(
        ensemble.score(_open_validation).scores.probabilities,
        subject.scores.probabilities,
        atol=2e-6,
    )
    with pytest.raises(ValueError, match="of other weights than best of"):
        ensemble_lib.Ensemble(workdirs[:1], model=str(exported))


@pytest.mark.parametrize(
    "part, change, message",
    [
        ("dataset", {"interpolation": "nearest"}, "in interpolation.*second"),
        ("dataset", {"min_image_size": 8}, "in min_image_size.*second"),
        ("augment", {"rescale": 1.0}, "how they are normalised.*second"),
    ],
)
def test_runs_that_are_fed_other_images_are_refused(
    workdirs, part, change, message
):
    first, other = (runs_lib.open_run(workdir) for workdir in workdirs)
    if part == "augment":
        fields = {"augment": dataclasses.replace(other.augment, **change)}
    else:
        fields = {"info": {**other.info, "dataset": other.dataset | change}}
    with pytest.raises(ValueError, match=message):
        members_lib.make_predictor(
            [first, dataclasses.replace(other, **fields)]
        )


def test_threshold_of_a_member_does_not_matter(workdirs, workdir):
    """Nor of which weights it is: several are used at .5."""
    content = {"threshold": {"model_sha256": "of others"}, "temperature": None}
    (workdir / "operating_point.json").write_text(json.dumps(content))
    members = [runs_lib.open_run(path) for path in (workdir, workdirs[1])]
    found = members_lib.make_predictor(members)
    assert (found.threshold, found.temperature) == (0.5, None)
    with pytest.raises(ValueError, match="chosen for other weights"):
        members_lib.make_predictor(members[:1])

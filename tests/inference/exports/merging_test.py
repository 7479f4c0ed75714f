"""Several runs, exported as one model."""

import json

import numpy as np
import pytest

from inference import examples as examples_lib
from inference import merging
from inference import predictor as predictor_lib
from inference import runs
from inference.exports import config as config_lib
from inference.exports import exporting
from inference.exports import loading
from inference.exports import manifest as manifest_lib
import pipeline
from tests.helpers import exports
from tests.helpers import trained_runs


@pytest.fixture(scope="module")
def members(trained):
    """Directories of two runs that see local contrast, of two seeds."""
    root, _ = trained
    augment = pipeline.AugmentConfig(local_contrast_normalization=True)
    workdirs = [root / "contrast-3", root / "contrast-4"]
    for seed, workdir in enumerate(workdirs, start=3):
        trained_runs.train(root, workdir, seed=seed, epochs=1, augment=augment)
    return tuple(map(str, workdirs))


@pytest.mark.parametrize("format_name", ["savedmodel", "onnx", "litert"])
def test_export_of_several_is_their_mean(format_name, members, tmp_path):
    exports.skip_without(format_name)
    config = config_lib.ExportConfig(workdir=members, format=format_name)
    exporting.export(config, tmp_path / "out")
    opened = loading.open_export(tmp_path / "out")
    found = [runs.open_run(workdir) for workdir in members]
    examples = examples_lib.open_split(found[0], "validation")
    images = next(examples.batches(8))
    first, second = (
        predictor_lib.of_run(run).score(images).probabilities for run in found
    )
    assert np.abs(first - second).max() > 1e-3
    actual = opened.score(images).probabilities
    np.testing.assert_allclose(actual, (first + second) / 2, atol=2e-5)
    assert opened.threshold == 0.5
    model = json.loads((tmp_path / "out" / manifest_lib.FILE).read_text())[
        "model"
    ]
    assert model["num_networks"] == 2
    assert model["num_parameters"] == sum(run.num_parameters for run in found)
    if format_name == "savedmodel":
        classes = np.arange(len(images)) % 2
        maps = [
            predictor_lib.of_run(run).maps(images, classes) for run in found
        ]
        np.testing.assert_allclose(
            opened.maps(images, classes), np.mean(maps, axis=0), atol=1e-4
        )


def test_keras_holds_one_network(members, tmp_path):
    config = config_lib.ExportConfig(workdir=members, format="keras")
    with pytest.raises(ValueError, match="holds one network.*savedmodel"):
        exporting.export(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_that_see_other_pixels_are_not_merged(members, trained):
    with pytest.raises(ValueError, match="normalisation differ. Received: "):
        merging.open_runs([members[0], trained[0] / "run"])


def test_run_is_merged_once(members):
    with pytest.raises(ValueError, match="name each model once"):
        merging.open_runs([members[0], members[0]])


def test_one_run_is_itself(members):
    run = merging.open_runs(members[:1])
    assert not isinstance(run, merging.MergedRun)
    assert merging.members_of(run) == (run,)

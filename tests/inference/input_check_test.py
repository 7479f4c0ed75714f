"""What is flagged, and what is not."""

import io
import json

from PIL import Image
import numpy as np
import pytest
from scipy.spatial import distance

from evaluation import feature_distance
from inference import input_check
from inference import model_option
from inference import predict_config
from inference import predictor as predictor_lib
from inference import reference as reference_lib
from inference import reference_fit
from tests.helpers import image_trees
from tests.helpers import predictors


def encoded(pixels, file_format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, file_format)
    return buffer.getvalue()


def check(pixels, **options):
    predictor = predictors.make()
    decoded = predictor.decode(encoded(pixels, **options))
    return input_check.check_film(decoded, predictor.make_pixels(decoded))


def familiar(reference, image, features=None):
    [found] = input_check.check_familiar(reference, image[np.newaxis], features)
    return found


def noise(*shape, low=0, high=255):
    return np.random.default_rng(0).integers(low, high, shape)


def test_grey_film_gets_no_flag_whatever_it_is_saved_as():
    film = noise(60, 50)
    assert check(film) == ()
    in_colour = np.repeat(film[..., np.newaxis], 3, axis=2)
    assert check(in_colour) == ()
    assert check(in_colour, file_format="JPEG") == ()
    # Somebody drew on it.
    in_colour[:4, :12] = (255, 0, 0)
    assert check(in_colour) == ()


@pytest.mark.parametrize(
    "pixels, flag",
    [
        (noise(60, 50, 3), "colour"),
        (noise(33, 120), "aspect"),
        (noise(120, 33), "aspect"),
        (noise(31, 60), "too small"),
        (noise(60, 31), "too small"),
        (noise(60, 50, low=100, high=108), "near constant"),
    ],
)
def test_each_flag_is_given_for_its_reason_alone(pixels, flag):
    assert check(pixels) == (flag,)


@pytest.mark.parametrize("shape", [(40, 128), (80, 40), (32, 32)])
def test_sizes_within_the_limits_get_no_flag(shape):
    assert check(noise(*shape)) == ()


def test_distance_is_that_of_mahalanobis_to_the_nearest_class():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 5))
    labels = np.repeat([0, 1], 4000)
    features = rng.normal(size=(8000, 5)) @ mixing + 3.0 * labels[:, None]
    classes = feature_distance.fit(features, labels, 3)
    assert np.isnan(classes.means[2]).all()
    probes = rng.normal(size=(20, 5)) * 4
    within = features - classes.means[labels]
    inverse = np.linalg.inv(np.cov(within.T))
    expected = [
        min(distance.mahalanobis(p, m, inverse) for m in classes.means[:2])
        for p in probes
    ]
    # So many images leave next to nothing to shrink.
    np.testing.assert_allclose(
        feature_distance.measure(classes, probes), expected, rtol=0.01
    )


def test_distance_does_not_depend_on_units_and_survives_few_images():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(12, 40))
    features[:, 0] = 7.0  # Never changes.
    labels = np.repeat([0, 1], 6)
    scale = np.geomspace(0.01, 100, 40)
    scale[0] = 1
    first, second = (
        feature_distance.measure(
            feature_distance.fit(features * s, labels, 2), features * s
        )
        for s in (1, scale)
    )
    assert np.isfinite(first).all() and first.min() > 0
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_constant_image_is_neither_inverted_nor_a_film():
    reference = reference_lib.Reference(
        "",
        feature_distance.Classes(np.zeros((1, 1)), np.eye(1)),
        1.0,
        np.arange(64.0),
    )
    flat = np.full((32, 32, 1), 90, np.uint8)
    assert familiar(reference, flat) == ("layout",)
    for features in ([1.1], [np.nan]):
        found = familiar(reference, flat, np.array([features]))
        assert found == ("layout", "unfamiliar")
    assert familiar(reference, flat, np.array([[0.9]])) == ("layout",)


def test_reference_is_learned_once_and_kept(workdir, monkeypatch):
    predictor = predictor_lib.open_predictor(workdir)
    first = predictor.open_reference()
    assert (workdir / reference_lib.FILE).is_file()
    assert first.model_sha256 == predictor.sha256

    def refuse(run, data_dir):
        raise AssertionError

    monkeypatch.setattr(reference_fit, "learn", refuse)
    second = predictor.open_reference()
    np.testing.assert_array_equal(
        first.classes.precision, second.classes.precision
    )
    assert first.most_distant == second.most_distant
    # That of another model is of no use.
    with pytest.raises(AssertionError):
        predictor_lib.open_predictor(workdir, weights="last").open_reference()


def test_reference_is_learned_from_records_that_were_moved(
    workdir, data_dir, tmp_path
):
    info = json.loads((workdir / "model.json").read_text())
    info["records"] = str(tmp_path / "nowhere")
    (workdir / "model.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match="nowhere.*Add --data_dir=DIR"):
        predictor_lib.open_predictor(workdir).open_reference()
    config = predict_config.PredictConfig(
        workdir=str(workdir), data_dir=str(data_dir)
    )
    predictor = model_option.open_predictor(
        config.model, config.workdir, config.data_dir
    )
    assert predictor.open_reference().model_sha256 == predictor.sha256
    with pytest.raises(ValueError, match="without its run.*--data_dir or --mo"):
        predict_config.PredictConfig(
            model=str(tmp_path), data_dir=str(data_dir)
        )


def test_one_of_a_hundred_validation_images_is_beyond(workdir, trained):
    root, _ = trained
    predictor = predictor_lib.open_predictor(workdir)
    reference = predictor.open_reference()
    folder = root / "films" / "validation"
    images = np.stack(
        [predictor.prepare(p.read_bytes()) for p in folder.rglob("*.png")]
    )
    features = np.stack([p.features for p in predictor.predict(images)])
    distances = feature_distance.measure(reference.classes, features)
    assert reference.most_distant == pytest.approx(
        np.quantile(distances, 0.99), rel=1e-9
    )


def test_reference_that_cannot_be_kept_is_used(workdir, monkeypatch):
    def refuse(path, found):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reference_lib, "write", refuse)
    predictor = predictor_lib.open_predictor(workdir)
    assert predictor.open_reference().most_distant > 0
    assert not (workdir / reference_lib.FILE).exists()


@pytest.mark.parametrize("damage", ["cut", "text", "pickle", "shape"])
def test_damaged_reference_is_refused(damage, workdir):
    path = workdir / reference_lib.FILE
    predictor_lib.open_predictor(workdir).open_reference()
    data = path.read_bytes()
    with np.load(path) as arrays:
        values = dict(arrays)
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "text":
        path.write_bytes(b"text")
    elif damage == "pickle":
        np.savez(path, **(values | {"means": np.array([{}], object)}))
    else:
        np.savez(path, **(values | {"means": values["means"][:, :-1]}))
    with pytest.raises(ValueError, match=r"input_check.npz is damaged.*Remove"):
        predictor_lib.open_predictor(workdir).open_reference()


@image_trees.needs_real_images
def test_real_films_correlate_with_their_mean_and_inverted_ones_do_not():
    predictor = predictors.make()
    folder = image_trees.REAL_IMAGES / "originals"
    images = [
        predictor.prepare(path.read_bytes()) for path in folder.glob("*/*")
    ]
    reference = reference_lib.Reference(
        "",
        feature_distance.Classes(np.zeros((1, 1)), np.eye(1)),
        1.0,
        np.mean([reference_lib.thumbnail_of(x) for x in images], axis=0),
    )
    for image in images:
        assert familiar(reference, image) == ()
        assert familiar(reference, 255 - image) == ("inverted",)


@image_trees.needs_real_images
def test_no_original_film_gets_a_flag_by_itself():
    predictor = predictors.make()
    for path in (image_trees.REAL_IMAGES / "originals").glob("*/*"):
        decoded = predictor.decode(path.read_bytes())
        pixels = predictor.make_pixels(decoded)
        assert input_check.check_film(decoded, pixels) == ()

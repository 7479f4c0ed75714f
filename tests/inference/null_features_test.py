"""What null models are told: the audit's numbers, in the order of the keys."""

import io

from PIL import Image
import numpy as np
import pytest

from evaluation import nulls
from evaluation import scores as scores_lib
from inference import null_features
from xray_tfds.audit import features as features_lib


def make_row(number, image_format="JPEG", mode="L"):
    return {
        **{"num_bytes": str(5000 + number), "width": str(900 + number)},
        **{"height": "700", "format": image_format, "mode": mode},
    }


def make_features(rng, number, rows=None, channels=1):
    images = rng.integers(0, 256, (number, 64, 48, channels), np.uint8)
    if rows is None:
        rows = [make_row(index) for index in range(number)]
    return (
        null_features.measure(
            [images[:2], images[2:]],
            np.arange(number) % 2,
            np.array([f"p{index}" for index in range(number)]),
            rows,
        ),
        images,
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_features_are_those_of_the_audit(rng, channels):
    found, images = make_features(rng, 5, channels=channels)
    for index, pixels in enumerate(images):
        buffer = io.BytesIO()
        image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
        image.save(buffer, "PNG")
        expected = features_lib.measure(
            buffer.getvalue(), image, file_format="PNG", mode=image.mode
        )
        np.testing.assert_array_equal(
            found.thumbnails[index], expected.thumbnail
        )
        np.testing.assert_array_equal(found.borders[index], expected.border)
        width, size = 900 + index, 5000 + index
        np.testing.assert_allclose(
            found.containers[index],
            np.log([size / (width * 700), width, 700, width / 700]),
        )
    assert found.kinds.tolist() == ["JPEG L"] * 5


def test_kinds_have_the_columns_of_training(rng):
    train, _ = make_features(
        rng, 3, [make_row(0), make_row(1, mode="RGB"), make_row(2, "PNG")]
    )
    evaluated, _ = make_features(
        rng,
        4,
        [make_row(0, "TIFF"), make_row(1, "PNG"), make_row(2), make_row(3)],
    )
    (metadata,) = [
        each
        for each in null_features.make_nulls(train, evaluated)
        if each.name == "file metadata"
    ]
    assert metadata.train_features.shape == (3, 4 + 3)
    assert metadata.features.shape == (4, 4 + 3)
    np.testing.assert_array_equal(
        metadata.train_features[:, 4:], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    )
    # Training has never seen a TIFF.
    np.testing.assert_array_equal(
        metadata.features[:, 4:], [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]]
    )


@pytest.mark.parametrize(
    "row", [None, {**make_row(1), "width": ""}, {**make_row(1), "width": "x"}]
)
def test_file_that_is_not_described_has_no_container(rng, row):
    found, _ = make_features(rng, 3, [make_row(0), row, make_row(2)])
    assert np.isnan(found.containers).all(1).tolist() == [False, True, False]


def make_scores(features):
    number = len(features.labels)
    chance = np.linspace(0.2, 0.8, number)
    return scores_lib.Scores(
        keys=np.array([str(index) for index in range(number)]),
        patients=features.patients,
        labels=features.labels,
        probabilities=np.stack([1 - chance, chance], axis=1),
        class_names=("normal", "pneumonia"),
    )


def test_records_without_a_table_leave_metadata_unknown(rng):
    train, _ = make_features(rng, 40, [None] * 40)
    evaluated, _ = make_features(rng, 30, [None] * 30)
    made = null_features.make_nulls(train, evaluated)
    measured = {
        each.name: nulls.measure(each, make_scores(evaluated)) for each in made
    }
    assert "do not say" in measured["file metadata"]["reason"]
    assert measured["file metadata"]["auc"]["value"] is None
    for name in ("8x8 thumbnail", "border pixels"):
        assert measured[name]["reason"] is None
        assert 0 <= measured[name]["auc"]["value"] <= 1


def test_null_models_find_what_gives_the_label_away(rng):
    def make(number):
        rows = [make_row(60 * (index % 2)) for index in range(number)]
        images = rng.integers(0, 200, (number, 64, 64, 1), np.uint8)
        # A marker in the corner of every second image.
        images[1::2, :4, :4] = 255
        return null_features.measure(
            [images],
            np.arange(number) % 2,
            np.array([f"p{index}" for index in range(number)]),
            rows,
        )

    train, evaluated = make(80), make(60)
    for each in null_features.make_nulls(train, evaluated):
        found = nulls.measure(each, make_scores(evaluated))
        # The thumbnail sees a fifth of it in one of 64 noisy squares.
        least = 0.75 if each.name == "8x8 thumbnail" else 0.99
        assert found["auc"]["value"] > least, each.name

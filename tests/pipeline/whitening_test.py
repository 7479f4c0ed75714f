"""ZCA whitening by the factors of its matrix, beside Keras's own."""

import numpy as np
import pytest

import pipeline
from pipeline import whitening

keras_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)


@pytest.mark.parametrize(
    "count, shapes",
    [
        (20, [(144, 20), (20, 144)]),
        (71, [(144, 71), (71, 144)]),
        (72, [(144, 144)]),
        (200, [(144, 144)]),
    ],
)
def test_few_images_are_whitened_by_two_narrow_matrices(count, shapes):
    images = np.random.default_rng(0).random((count, 12, 12, 1)) * 255
    kwargs = {
        "featurewise_center": True,
        "zca_whitening": True,
        "rescale": 1 / 255,
    }
    generator = keras_image.ImageDataGenerator(**kwargs)
    generator.fit(images)
    config = pipeline.AugmentConfig.from_keras(generator)
    factors = config.statistics.zca_factors
    assert [factor.shape for factor in factors] == shapes
    np.testing.assert_allclose(
        pipeline.standardize(images[:4].astype(np.float32), config),
        np.stack([generator.standardize(x.copy()) for x in images[:4]]),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "matrix",
    (
        np.diag([1.0, -1, 0, 0, 0, 0]),
        np.triu(np.ones([6, 6])),
        np.full([6, 6], np.nan),
    ),
    ids=("indefinite", "not symmetric", "not finite"),
)
def test_a_matrix_that_is_no_such_product_stays(matrix):
    (factor,) = whitening.factors(matrix)
    np.testing.assert_array_equal(factor, matrix)


def test_a_matrix_of_zeros_whitens_to_zeros():
    product = np.linalg.multi_dot(
        [*whitening.factors(np.zeros([6, 6])), np.eye(6)]
    )
    np.testing.assert_array_equal(product, np.zeros([6, 6]))

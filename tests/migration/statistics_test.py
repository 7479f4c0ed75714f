"""What a generator was fitted to, and the images of its flows."""

import numpy as np
import pytest

import migration

legacy_image = pytest.importorskip(
    "keras.src.legacy.preprocessing.image",
    reason="this Keras has no ImageDataGenerator to compare with",
)


@pytest.mark.parametrize("zca_whitening", [False, True])
def test_statistics_of_other_images_are_refused(zca_whitening):
    generator = legacy_image.ImageDataGenerator(
        featurewise_center=True, zca_whitening=zca_whitening
    )
    x = np.random.default_rng(0).random((6, 4, 5, 3))
    # For each flow, not for each configuration, which the next one shares.
    for _ in range(2):
        with pytest.warns(UserWarning, match="`statistics` has no `mean`"):
            migration.flow(generator, x)
    generator.fit(x)
    for other in (x[..., :1], x[:, :2] if zca_whitening else x[..., [0, 0]]):
        with pytest.raises(ValueError, match="`statistics` must be.*Received"):
            migration.flow(generator, other)
    flow = migration.flow(generator, x, shuffle=False)
    expected = next(generator.flow(x, shuffle=False))
    np.testing.assert_allclose(flow[0], expected, atol=1e-3)


def test_missing_statistic_is_warned_of_once_a_flow():
    generator = legacy_image.ImageDataGenerator(featurewise_center=True)
    x = np.random.default_rng(1).random((6, 7, 5, 3))
    with pytest.warns(UserWarning) as told:
        flow = migration.flow(generator, x, shuffle=False)
        assert len(flow[0]) == 6
    assert [str(w.message)[:21] for w in told] == ["`featurewise_center` "]

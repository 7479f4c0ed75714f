"""Labels, against those of Keras's iterator."""

import PIL.Image
import numpy as np
import pytest

import pipeline


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    for i in range(10):
        folder = root / ("normal", "pneumonia")[i % 2]
        folder.mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (12, 10), np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{i}.png")
    return str(root)


@pytest.mark.parametrize("mode", ("categorical", "binary", "sparse", "input"))
def test_labels_have_the_dtype_and_shape_of_flow_from_directory(
    image_folder, mode
):
    keras_image = pytest.importorskip(
        "keras.src.legacy.preprocessing.image",
        reason="this Keras no longer has its legacy image module",
    )
    flow = keras_image.ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        image_folder,
        target_size=(12, 10),
        color_mode="grayscale",
        class_mode=mode,
        batch_size=4,
        shuffle=False,
    )
    split = pipeline.Split.from_arrays(
        np.stack([np.asarray(PIL.Image.open(p)) for p in flow.filepaths])[
            ..., None
        ],
        flow.classes,
        class_names=tuple(flow.class_indices),
    )
    ds = pipeline.make_eval_dataset(
        split,
        "train",
        pipeline.AugmentConfig(rescale=1 / 255),
        batch_size=4,
        label_mode=mode,
    )
    batches = [[part.numpy() for part in element] for element in ds]
    assert len(batches) == len(flow)
    for ours, theirs in zip(batches, flow):
        for u, v in zip(ours, theirs):
            assert u.dtype == v.dtype
            np.testing.assert_array_equal(u, v)

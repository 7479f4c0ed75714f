"""The input pipelines that users have today, and ours, behind one interface.

Each function takes a folder of class folders, the name of a recipe and a batch
size, and returns a function without arguments that iterates over one epoch of
`(images, labels)` batches: float32 images scaled to 0..1, shuffled. Each is
written as its documentation recommends, on two workers or threads. Peers are
imported where they are used: most are not installed.
"""

import itertools
import pathlib
from typing import Any

import numpy as np

IMAGE_SIZE = (256, 256)
NUM_WORKERS = 2

# Recipe -> arguments of `ImageDataGenerator`, next to `rescale=1/255`.
RECIPES: dict[str, dict[str, Any]] = {
    "rescale": {},
    "flip + shift": {
        "vertical_flip": True,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
    },
    "everything": {
        "rotation_range": 15,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 10,
        "zoom_range": 0.2,
        "horizontal_flip": True,
        "vertical_flip": True,
    },
}


def ours(images_dir, recipe, batch_size):
    """`pipeline.make_train_dataset`: records, decoded once into memory."""
    import tempfile

    import pipeline
    import xray_tfds

    directory = tempfile.mkdtemp(prefix="throughput-")
    builder = xray_tfds.prepare(images_dir, directory, image_size=IMAGE_SIZE)
    config = pipeline.AugmentConfig(rescale=1 / 255, **RECIPES[recipe])
    ds = pipeline.make_train_dataset(
        builder, "train", config, batch_size=batch_size
    )
    return _epochs(ds)


def image_data_generator(images_dir, recipe, batch_size):
    """Keras's `ImageDataGenerator.flow_from_directory`: decodes each epoch."""
    from keras.src.legacy.preprocessing import image as legacy_image

    iterator = legacy_image.ImageDataGenerator(
        rescale=1 / 255, **RECIPES[recipe]
    ).flow_from_directory(
        pathlib.Path(images_dir) / "train",
        target_size=IMAGE_SIZE,
        color_mode="grayscale",
        batch_size=batch_size,
        seed=0,
    )
    return lambda: (next(iterator) for _ in range(len(iterator)))


def keras_layers(images_dir, recipe, batch_size):
    """`image_dataset_from_directory`, cached in memory, and Keras's layers."""
    import keras
    import tensorflow as tf

    ds = keras.utils.image_dataset_from_directory(
        pathlib.Path(images_dir) / "train",
        color_mode="grayscale",
        image_size=IMAGE_SIZE,
        batch_size=batch_size,
        seed=0,
        verbose=False,
    ).cache()
    options = RECIPES[recipe]
    layers = [keras.layers.Rescaling(1 / 255)]
    flips = [
        mode
        for mode in ("horizontal", "vertical")
        if options.get(f"{mode}_flip")
    ]
    if flips:
        layers.append(keras.layers.RandomFlip("_and_".join(flips)))
    if "width_shift_range" in options:
        layers.append(
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest")
        )
    if "rotation_range" in options:
        layers.append(
            keras.layers.RandomRotation(15 / 360, fill_mode="nearest")
        )
        layers.append(keras.layers.RandomZoom(0.2, 0.2, fill_mode="nearest"))
        layers.append(keras.layers.RandomShear(0.17, 0.17, fill_mode="nearest"))
    augment = keras.Sequential(layers)
    ds = ds.map(
        lambda x, y: (augment(x, training=True), y),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)
    return _epochs(ds)


def torch_albumentations(images_dir, recipe, batch_size):
    """PyTorch's `DataLoader` over OpenCV and albumentations."""
    import cv2
    import torch

    transform = _albumentations(recipe)
    files = _files(images_dir)

    class Films(torch.utils.data.Dataset):
        def __len__(self):
            return len(files)

        def __getitem__(self, index):
            path, label = files[index]
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            image = transform(image=image)["image"]
            return image[None].astype(np.float32) * (1 / 255), label

    loader = torch.utils.data.DataLoader(
        Films(),
        batch_size=batch_size,
        shuffle=True,
        num_workers=NUM_WORKERS,
        persistent_workers=True,
    )
    return lambda: iter(loader)


def grain_albumentations(images_dir, recipe, batch_size):
    """Grain's `MapDataset` over OpenCV and albumentations, on two threads."""
    import cv2
    import grain

    transform = _albumentations(recipe)
    files = _files(images_dir)

    def load(index):
        path, label = files[index]
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        image = transform(image=image)["image"]
        return image[..., None].astype(np.float32) * (1 / 255), label

    ds = grain.MapDataset.range(len(files)).shuffle(seed=0).map(load)
    ds = ds.batch(batch_size)
    options = grain.ReadOptions(num_threads=NUM_WORKERS)
    return lambda: iter(ds.to_iter_dataset(options))


def dali(images_dir, recipe, batch_size):
    """NVIDIA DALI on the CPU."""
    from nvidia.dali import fn
    from nvidia.dali import pipeline_def
    from nvidia.dali import types
    from nvidia.dali.plugin.base_iterator import LastBatchPolicy  # noqa: F401

    options = RECIPES[recipe]
    files = _files(images_dir)
    height, width = IMAGE_SIZE

    @pipeline_def(
        batch_size=batch_size, num_threads=NUM_WORKERS, device_id=None
    )
    def graph():
        data, labels = fn.readers.file(
            files=[str(path) for path, _ in files],
            labels=[label for _, label in files],
            random_shuffle=True,
        )
        images = fn.decoders.image(data, output_type=types.GRAY)
        if "width_shift_range" in options:
            images = fn.warp_affine(
                images,
                matrix=_dali_matrix(fn, options, height, width),
                fill_value=None,
                inverse_map=True,
            )
        return (
            fn.crop_mirror_normalize(
                images,
                std=[255.0],
                dtype=types.FLOAT,
                output_layout="HWC",
                mirror=fn.random.coin_flip()
                * bool("horizontal_flip" in options),
            ),
            labels,
        )

    pipe = graph()
    pipe.build()
    steps = -(-len(files) // batch_size)
    return lambda: (pipe.run() for _ in range(steps))


def _dali_matrix(fn, options, height, width):
    """A random pull-back matrix of DALI's own transforms."""
    shift = fn.random.uniform(range=(-0.1, 0.1), shape=2) * np.float32(height)
    center = (width / 2, height / 2)
    matrix = fn.transforms.translation(offset=shift)
    flip = fn.random.coin_flip() * -2.0 + 1.0
    matrix = fn.transforms.scale(
        matrix, scale=fn.stack(1.0, flip), center=center
    )
    if "rotation_range" in options:
        angle = fn.random.uniform(range=(-15.0, 15.0))
        zoom = fn.random.uniform(range=(0.8, 1.2), shape=2)
        shear = fn.stack(fn.random.uniform(range=(-10.0, 10.0)), 0.0)
        matrix = fn.transforms.rotation(matrix, angle=angle, center=center)
        matrix = fn.transforms.scale(matrix, scale=zoom, center=center)
        matrix = fn.transforms.shear(matrix, angles=shear, center=center)
    return matrix


def bound(images_dir, recipe, batch_size):
    """The bound: batches of float images that are ready in memory."""
    del recipe  # Nothing is computed.
    import tensorflow as tf

    count = len(_files(images_dir))
    images = tf.random.stateless_uniform((count, *IMAGE_SIZE, 1), (0, 0))
    ds = tf.data.Dataset.from_tensor_slices((images, tf.zeros(count)))
    ds = ds.batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return _epochs(ds)


def _epochs(ds):
    """One iterator for all epochs: TensorFlow takes .05 s to start one."""
    steps = int(ds.cardinality())
    iterator = iter(ds.repeat())
    return lambda: itertools.islice(iterator, steps)


def _files(images_dir):
    """Returns `(path, label)` of the training images."""
    root = pathlib.Path(images_dir) / "train"
    classes = sorted(path for path in root.iterdir() if path.is_dir())
    return [
        (path, label)
        for label, folder in enumerate(classes)
        for path in sorted(folder.rglob("*.jp*g"))
    ]


def _albumentations(recipe):
    import albumentations
    import cv2

    cv2.setNumThreads(1)  # The loader's workers are the parallelism.
    options = RECIPES[recipe]
    transforms = []
    if options.get("horizontal_flip"):
        transforms.append(albumentations.HorizontalFlip(p=0.5))
    if options.get("vertical_flip"):
        transforms.append(albumentations.VerticalFlip(p=0.5))
    if "width_shift_range" in options:
        affine: dict[str, Any] = {"translate_percent": (-0.1, 0.1)}
        if "rotation_range" in options:
            affine.update(
                rotate=(-15, 15), shear={"x": (-10, 10)}, scale=(0.8, 1.2)
            )
        transforms.append(
            albumentations.Affine(
                p=1.0, border_mode=cv2.BORDER_REPLICATE, **affine
            )
        )
    return albumentations.Compose(transforms)


COMPETITORS = {
    "ours": ours,
    "ImageDataGenerator": image_data_generator,
    "image_dataset_from_directory + Keras layers": keras_layers,
    "PyTorch + albumentations": torch_albumentations,
    "Grain + albumentations": grain_albumentations,
    "DALI (CPU)": dali,
    "bound": bound,
}

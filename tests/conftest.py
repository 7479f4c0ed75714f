"""What every test shares: three logical CPUs, image trees, prepared records."""

import os

# Before TensorFlow is imported anywhere: no start-up chatter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pathlib  # noqa: E402

from PIL import Image  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import report_inputs  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

import xray_tfds  # noqa: E402

# Real X-rays, where a machine has them; they are no part of the repository.
REAL_IMAGES = pathlib.Path(__file__).parents[2] / "shared" / "data"

# Marks the tests that need them.
needs_real_images = pytest.mark.skipif(
    not REAL_IMAGES.is_dir(), reason=f"no real X-rays at {REAL_IMAGES}"
)


def pytest_configure():
    # Logical CPUs stand in for GPUs. TensorFlow refuses this once its
    # devices are in use, so it happens before any test is collected.
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 3
    )


def write_images(directory, names, *, size=(40, 48), seed=0, **save_options):
    """Writes grey noise on a ramp under the given relative names.

    Args:
        directory: Where to write; folders are made as needed.
        names: Relative paths; the suffix chooses the format.
        size: `(height, width)` in pixels.
        seed: Every seed and name gives another image.
        **save_options: For `PIL.Image.save`.
    """
    for index, name in enumerate(names):
        path = pathlib.Path(directory) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng([seed, index])
        ramp = np.linspace(0, 150, size[1])
        pixels = ramp + generator.uniform(0, 100, size)
        Image.fromarray(pixels.astype(np.uint8)).save(path, **save_options)


def write_flat_tree(root, per_class=30, seed=0):
    """Writes class folders; no patient of another seed is in them."""
    names = [
        f"normal/IM-{seed:02}{i // 2:02}-{i:04}.png" for i in range(per_class)
    ]
    names += [
        f"pneumonia/person{seed}0{i // 3}_virus_{i}.png"
        for i in range(per_class)
    ]
    write_images(root, names, seed=seed)
    return root


def build_records(image_tree, data_dir, size, num_shards, **options):
    """Returns the builder of records in several shards, opened by TFDS."""
    builder = xray_tfds.Builder(
        data_dir=data_dir, config=xray_tfds.XrayConfig(image_size=size)
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=image_tree, num_shards=num_shards
        ),
        **options,
    )
    return tfds.builder_from_directory(builder.data_dir)


@pytest.fixture
def rng():
    """A generator of each test's own: other tests do not change its numbers."""
    return np.random.default_rng(5)


@pytest.fixture(scope="session")
def image_tree(tmp_path_factory):
    """A folder with given splits, 70 images: sizes that no batch divides."""
    root = tmp_path_factory.mktemp("images") / "tree"
    counts = {"train": (23, 18), "validation": (9, 8), "test": (7, 5)}
    for split, (normal, pneumonia) in counts.items():
        names = [
            f"{split}/normal/IM-{number:04}-0001.jpeg"
            for number in range(normal)
        ] + [
            f"{split}/pneumonia/person{number}_virus_{number}.jpeg"
            for number in range(pneumonia)
        ]
        seed = len(split)
        # A patient of its own for every image, whatever its split.
        names = [
            name.replace("IM-", f"IM-{seed}").replace(
                "person", f"person{seed}0"
            )
            for name in names
        ]
        write_images(root, names, seed=seed)
    return root


@pytest.fixture(scope="session")
def prepared(image_tree, tmp_path_factory):
    """Directory of records of `image_tree`, 32x32 grey."""
    builder = xray_tfds.prepare(
        image_tree, tmp_path_factory.mktemp("records"), image_size=(32, 32)
    )
    return builder.data_dir


@pytest.fixture(scope="session")
def rows(image_tree):
    """Rows of `files.csv`, for tests of the build report."""
    return report_inputs.measure_rows(image_tree)


@pytest.fixture
def dataset(prepared, tmp_path):
    """A copy of prepared records, to write a `build_report` into."""
    return report_inputs.copy_records(prepared, tmp_path / "1.0.0")

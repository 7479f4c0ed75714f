"""Folders of images for tests, made up or real, and records of them."""

import pathlib

from PIL import Image
import numpy as np
import pytest
import tensorflow_datasets as tfds

import xray_tfds

# Real X-rays, where a machine has them; they are no part of the repository.
REAL_IMAGES = pathlib.Path(__file__).parents[3] / "shared" / "data"

# Marks the tests that need them.
needs_real_images = pytest.mark.skipif(
    not REAL_IMAGES.is_dir(), reason=f"no real X-rays at {REAL_IMAGES}"
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


def write_public_layout(root):
    """Writes folders as the public archive has them."""
    for split, count in (("train", 40), ("test", 4)):
        write_flat_tree(root / "chest_xray" / split, count, seed=count)
        folder = root / "chest_xray" / split
        (folder / "normal").rename(folder / "NORMAL")
        (folder / "pneumonia").rename(folder / "PNEUMONIA")
    junk = root / "chest_xray" / "train" / ".DS_Store"
    junk.write_bytes(b"finder")
    fork = root / "__MACOSX" / "chest_xray" / "._train"
    fork.parent.mkdir(parents=True)
    fork.write_bytes(b"resource fork")
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

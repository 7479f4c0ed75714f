"""What an export says of images, against Keras, for each kind of network.

    python benchmarks/exports.py
    python benchmarks/exports.py --format=onnx NASNetMobile

Each network has random weights, statistics of its BatchNormalization that were
taken from the images, and three classes; images are noise, as small as the
network allows. Printed are, for each network: how far Keras's own probabilities
of a class are apart, how far they move if the pixels are rounded otherwise, in
the last bit (such a network makes much of that), and for each format the
largest difference of a probability from what Keras says on the CPU, and the
seconds that writing and loading took.
"""

import argparse
import pathlib
import tempfile
import time
import types
from typing import Any

from training import quiet_import

quiet_import.import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from inference.exports import exporting  # noqa: E402
from inference.exports import keras_file  # noqa: E402
from inference.exports import litert_file  # noqa: E402
from inference.exports import onnx_file  # noqa: E402
from inference.exports import savedmodel  # noqa: E402
from inference.exports import verification  # noqa: E402
import pipeline  # noqa: E402
from training import model as model_lib  # noqa: E402
from training.config import networks  # noqa: E402
import xray_tfds  # noqa: E402

_MODULES = {
    "savedmodel": savedmodel,
    "keras": keras_file,
    "onnx": onnx_file,
    "litert": litert_file,
}

# The smallest of each family.
_NETWORKS = (
    *("lesson", "residual", "efficientnet_lite0", "MobileNet", "MobileNetV2"),
    *("MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0"),
    *("EfficientNetV2B0", "ResNet50", "ResNet50V2", "DenseNet121", "Xception"),
    *("InceptionV3", "NASNetMobile", "VGG16", "ConvNeXtTiny"),
    "InceptionResNetV2",
)
_CLASSES = ("first", "second", "third")
_NUM_IMAGES = 16


def make_run(name, images):
    """Returns what the writers of exports take of a run.

    Args:
        name: Of the network.
        images: uint8 `[n, height, width, channels]`.
    """
    augment = pipeline.AugmentConfig(rescale=1 / 255)
    model = model_lib.build_model(
        name, images.shape[1:], len(_CLASSES), rescale=augment.rescale
    )
    # With its first statistics a deep network says the same of all images.
    backbones = [each for each in model.layers if isinstance(each, keras.Model)]
    for layer in [
        *model.layers,
        *(x for each in backbones for x in each.layers),
    ]:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images * np.float32(augment.rescale), training=True)
    return types.SimpleNamespace(
        model=model,
        network=name,
        image_shape=images.shape[1:],
        class_names=_CLASSES,
        augment=augment,
        statistics=None,
        settings={},
    )


def export(format_name, run, directory):
    """Returns the function of uint8 images that an export of a run is."""
    config = xray_tfds.XrayConfig(
        class_names=_CLASSES, image_size=run.image_shape[:2]
    )
    own: Any = types.SimpleNamespace(
        config=config, threshold=None, temperature=None
    )
    exporting.check(format_name, [run], own)
    exporting.write(format_name, [run], own, directory)
    files = [path for path in directory.rglob("*") if path.is_file()]
    manifest = types.SimpleNamespace(
        directory=directory,
        read=lambda name: (directory / name).read_bytes(),
        files=[str(path.relative_to(directory)) for path in files],
        image_shape=run.image_shape,
        class_names=run.class_names,
        model={
            "network": run.network,
            "rescale": run.augment.rescale,
            "precision": "float32",
        },
    )
    loaded = _MODULES[format_name].load(manifest)
    return loaded.score if format_name == "savedmodel" else loaded


def measure(name, formats):
    """Prints the row of a network."""
    size = networks.smallest_size(name)
    shape = (_NUM_IMAGES, size, size, 1)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    run = make_run(name, images)
    fed = images * np.float32(run.augment.rescale)
    expected = run.model.predict(fed, _NUM_IMAGES, verbose=0)
    cells = [
        name,
        f"{np.ptp(expected, axis=0).max():.2f}",
        f"{verification.rounding(run, images):.1e}",
    ]
    for format_name in formats:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            try:
                compute = export(format_name, run, pathlib.Path(directory))
            except ValueError as error:
                cells.append(str(error).split(":")[0])
                continue
            difference = np.abs(compute(images) - expected).max()
        seconds = time.perf_counter() - start
        cells.append(f"{difference:.1e}, {seconds:.0f} s")
    print(" | ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=_MODULES, action="append")
    parser.add_argument("networks", nargs="*", default=_NETWORKS)
    arguments = parser.parse_args()
    formats = arguments.format or list(_MODULES)
    print(" | ".join(["network", "spread", "rounding", *formats]))
    for name in arguments.networks:
        measure(name, formats)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()

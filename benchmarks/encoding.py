"""How fast TensorFlow decodes a film, by the encoding of its record.

    python benchmarks/encoding.py --images_dir=DIR

Prints images per second (median, minimum and maximum over the repeats) and the
bytes of an image, for lossless encodings of the same 256x256 grey images.
"""

from collections.abc import Callable
import io
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from PIL import Image  # noqa: E402
from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from xray_tfds import parallel  # noqa: E402
from xray_tfds.decode import images  # noqa: E402
from xray_tfds.decode import png  # noqa: E402
from xray_tfds.source import scan  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of images, as for the builder.", required=True
)
_NUM_IMAGES = flags.DEFINE_integer("num_images", 300, "How many are decoded.")
_REPEATS = flags.DEFINE_integer("repeats", 7, "How often.", lower_bound=1)

_SHAPE = (256, 256, 1)


def _pil_png(pixels, level):
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "raw bytes": np.ndarray.tobytes,
    "PNG, no filter, stored (ours)": png.encode,
    "PNG by PIL, level 0": lambda pixels: _pil_png(pixels, 0),
    "PNG by PIL, level 1": lambda pixels: _pil_png(pixels, 1),
    "PNG by PIL, level 6 (default)": lambda pixels: _pil_png(pixels, 6),
}


def _decode_raw(record):
    return tf.reshape(tf.io.decode_raw(record, tf.uint8), _SHAPE)


def _decode_png(record):
    image = tf.image.decode_image(record, channels=1)
    return tf.ensure_shape(image, _SHAPE)


def _images_per_second(records, decode, repeats):
    ds = tf.data.Dataset.from_tensor_slices(records).repeat(5)
    ds = ds.map(decode, num_parallel_calls=parallel.num_cores()).batch(256)
    rates = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        count = sum(int(batch.shape[0]) for batch in ds)
        rates.append(count / (time.perf_counter() - start))
    return rates[1:]  # The first pass traces and warms up.


def main(argv):
    del argv  # Unused.
    source = scan.scan(_IMAGES_DIR.value, ("normal", "pneumonia"))
    pixels = [
        images.convert_and_resize(
            Image.open(file.path),
            image_size=_SHAPE[:2],
            interpolation="bilinear",
        )
        for file in source.files[: _NUM_IMAGES.value]
    ]
    print(f"{'encoding':32} {'images/s':>9} {'min':>7} {'max':>7} {'bytes':>7}")
    for name, encode in _ENCODERS.items():
        records = [encode(image) for image in pixels]
        decode = _decode_raw if name == "raw bytes" else _decode_png
        rates = _images_per_second(records, decode, _REPEATS.value)
        size = statistics.mean(len(record) for record in records)
        print(
            f"{name:32} {statistics.median(rates):9,.0f} {min(rates):7,.0f}"
            f" {max(rates):7,.0f} {size:7,.0f}"
        )


if __name__ == "__main__":
    app.run(main)

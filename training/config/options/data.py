"""Options that say where the images come from."""

from training import config as config_lib
from training.config.options.option import Option

DATA = (
    Option(
        "images_dir",
        "string",
        "Folder of class folders, with or without train/, validation/ and "
        "test/ above them; prepared first if need be.",
    ),
    Option(
        "dataset",
        "string",
        "Instead of --images_dir: name of a prepared TFDS dataset, such as "
        "xray_tfds or xray_tfds/<config>.",
    ),
    Option(
        "data_dir",
        "string",
        "Where prepared records are. With --images_dir data/records if left "
        "out, with --dataset TFDS's own directory.",
    ),
    Option(
        "image_size",
        "size",
        "Height and width in pixels, one number for a square. Preparing uses "
        "256,256 if this is left out.",
    ),
    Option(
        "color_mode",
        "enum",
        "Colours of the prepared images; grayscale if left out.",
        choices=config_lib.COLOR_MODES,
    ),
    Option(
        "interpolation",
        "enum",
        "How images are resized; bilinear if left out, nearest as Keras does.",
        choices=config_lib.INTERPOLATIONS,
    ),
    Option(
        "class_names",
        "names",
        "The classes' folders in label order; normal,pneumonia if left out.",
    ),
    Option(
        "builder_config",
        "object",
        "Further options of the builder, as of tfds build --config.",
    ),
)

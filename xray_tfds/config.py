"""Options of the dataset, as a TFDS `BuilderConfig`."""

import dataclasses
import hashlib
import json

import tensorflow_datasets as tfds

from xray_tfds import images


@dataclasses.dataclass(eq=False)
class XrayConfig(tfds.core.BuilderConfig):
    """How files become records.

    On the command line: `--config='{"image_size": [128, 128]}'`.

    Attributes:
        name: Derived from the other fields, so that records made with other
            options never share a directory; do not set it.
        image_size: `(height, width)` of every record, in pixels.
        color_mode: `grayscale`, `rgb` or `rgba`, as in `keras.utils.load_img`.
        interpolation: PIL filter for the resizing. `bilinear`, the default, is
            antialiased; `nearest` is the default of `flow_from_directory`.
        keep_aspect_ratio: Whether to cut to the aspect of `image_size` before
            the resizing, as in `keras.utils.load_img`.
        class_names: The classes in the order of their indices; each is the name
            of a folder, in any case.
        validation_fraction: Share of the images for validation, where no
            validation folder is given.
        test_fraction: Share for testing, where no split folders are given.
        seed: Chooses among the possible assignments of patients to splits.
    """

    name: str = ""
    image_size: tuple[int, int] = (256, 256)
    color_mode: str = "grayscale"
    interpolation: str = "bilinear"
    keep_aspect_ratio: bool = False
    class_names: tuple[str, ...] = ("normal", "pneumonia")
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0

    def __post_init__(self):
        """Checks the options and derives the name.

        Raises:
            ValueError: If an option is out of its range.
        """
        self.image_size = _check_image_size(self.image_size)
        self.class_names = _check_class_names(self.class_names)
        check_one_of("color_mode", self.color_mode, images.COLOR_MODES)
        check_one_of(
            "interpolation", self.interpolation, images.INTERPOLATIONS
        )
        for field in ("validation_fraction", "test_fraction"):
            value = getattr(self, field)
            if not isinstance(value, (int, float)) or not 0 < value < 0.5:
                raise ValueError(
                    f"`{field}` must be between 0 and 0.5. Received: "
                    f"{field}={value!r}"
                )
        if self.name:
            raise ValueError(
                "`name` is derived from the other options and must not be"
                f" given. Received: name={self.name!r}"
            )
        self.name = self._derive_name()

    @property
    def image_shape(self):
        """`(height, width, channels)` of the records."""
        return (*self.image_size, images.COLOR_MODES[self.color_mode])

    def options(self):
        """Returns what determines the records, as a JSON-compatible dict."""
        base = {
            field.name for field in dataclasses.fields(tfds.core.BuilderConfig)
        }
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in base
        }
        return json.loads(json.dumps(values))

    def _derive_name(self):
        """The readable options, then a digest of the others if one is set."""
        height, width = self.image_size
        name = f"{self.color_mode}_{height}x{width}_{self.interpolation}"
        named = ("image_size", "color_mode", "interpolation")
        others = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in self.options()
            and field.name not in named
            and getattr(self, field.name) != field.default
        }
        if not others:
            return name
        text = json.dumps(others, sort_keys=True)
        return f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _check_image_size(value):
    try:
        height, width = value
        valid = all(isinstance(n, int) and n > 0 for n in (height, width))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "`image_size` must be a pair of positive integers, height and"
            f" width. Received: image_size={value!r}"
        )
    return (height, width)


def _check_class_names(value):
    names = () if isinstance(value, str) else tuple(value)
    if (
        len(names) < 2
        or not all(isinstance(name, str) and name for name in names)
        or len({name.lower() for name in names}) < len(names)
    ):
        raise ValueError(
            "`class_names` must be two or more different folder names."
            f" Received: class_names={value!r}"
        )
    return names


def check_one_of(field, value, allowed):
    """Raises ValueError, with its name and value, unless a field is allowed."""
    if value not in allowed:
        raise ValueError(
            f"`{field}` must be one of {', '.join(allowed)}. Received: "
            f"{field}={value!r}"
        )

"""Options of the dataset, as a TFDS `BuilderConfig`."""

from collections.abc import Callable
from collections.abc import Collection
import dataclasses
import hashlib
import json
import math
from typing import Any
from typing import Literal
from typing import get_args

from etils import epath
import tensorflow_datasets as tfds

from xray_tfds.decode import images
from xray_tfds.source import class_names as class_names_lib
from xray_tfds.source import names as names_lib
from xray_tfds.source import patients
from xray_tfds.source import tables

ColorMode = Literal["grayscale", "rgb", "rgba"]
Interpolation = Literal[
    "nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"
]
Validation = Literal["given", "carve"]
OnLeak = Literal["error", "move", "allow"]
OnBad = Literal["quarantine", "error"]
OnDuplicate = Literal["keep_one", "keep_all", "error"]
Harmonize = Literal["none", "pad", "crop"]

# Type, values and words of a field.
_Rule = tuple[type, Callable[[Any], bool], str]

_CHOICES = {
    "color_mode": get_args(ColorMode),
    "interpolation": get_args(Interpolation),
    "validation": get_args(Validation),
    "on_leak": get_args(OnLeak),
    "on_bad": get_args(OnBad),
    "on_duplicate": get_args(OnDuplicate),
    "harmonize": get_args(Harmonize),
}

_TRUTH: _Rule = (bool, lambda value: True, "true or false")
_SPLIT: _Rule = (float, lambda value: 0 < value < 0.5, "between 0 and 0.5")

# Field -> its type, what values it takes, and both in words.
_RULES: dict[str, _Rule] = {
    "keep_aspect_ratio": _TRUTH,
    "rehash": _TRUTH,
    "seed": (int, lambda value: True, "an integer"),
    "validation_fraction": _SPLIT,
    "test_fraction": _SPLIT,
    "max_bad_fraction": (float, lambda v: 0 <= v <= 1, "between 0 and 1"),
    "min_image_size": (int, lambda v: v >= 1, "an integer of 1 or more"),
    "max_image_pixels": (int, lambda v: v >= 1, "an integer of 1 or more"),
    "effective_size": (int, lambda v: v >= 0, "an integer of 0 or more"),
    "patient_pattern": (str, lambda value: True, "text"),
}


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
            of a folder, in any case. `auto` for the folders that are found
            (`xray_tfds.source.class_names`).
        validation: What becomes of a validation folder: `given` takes it as
            the split; `carve` adds its images to those for training, of which
            validation is carved out by patient, as without such a folder.
        validation_fraction: Share of the images for validation, where it is
            carved.
        test_fraction: Share for testing, where no split folders are given.
        seed: Chooses among the possible assignments of patients to splits.
        patient_pattern: Regular expression with a group `patient`, searched for
            in file names, such as `(?P<patient>p\\d+)`; empty for none.
        patients_csv: Table of files and patients (`tables`); empty for none.
        on_leak: What becomes of a patient or a duplicate in two of the given
            splits: `error`; `move` its images to the first of these splits, in
            the order train, validation, test; or `allow`.
        on_bad: What becomes of files that cannot be used: `quarantine` leaves
            them out and lists them, `error` stops the build.
        max_bad_fraction: With more bad files than this share of a class, the
            build stops all the same.
        min_image_size: Fewest pixels of the shorter side.
        max_image_pixels: Most pixels of an image; more are taken for a
            decompression bomb.
        on_duplicate: What becomes of files with equal or nearly equal images:
            `keep_one`, the first by name, and none where their labels differ;
            `keep_all`, in one split; or `error`.
        harmonize: `pad` or `crop` brings every image through one path: grey,
            the aspect kept by padding or cropping, one effective resolution;
            `none` resizes as Keras does.
        effective_size: With `harmonize`, pixels of the longer (`pad`) or
            shorter (`crop`) side that every image is reduced to before it gets
            its size; 0 for half the shorter side of `image_size`.
        rehash: Whether every file is read, also one whose size and times are as
            they were. The records do not depend on it.
    """

    name: str = ""
    image_size: tuple[int, int] = (256, 256)
    color_mode: ColorMode = "grayscale"
    interpolation: Interpolation = "bilinear"
    keep_aspect_ratio: bool = False
    class_names: tuple[str, ...] = ("normal", "pneumonia")
    validation: Validation = "given"
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0
    patient_pattern: str = ""
    patients_csv: str = ""
    on_leak: OnLeak = "error"
    on_bad: OnBad = "quarantine"
    max_bad_fraction: float = 0.05
    min_image_size: int = 32
    max_image_pixels: int = 100_000_000
    on_duplicate: OnDuplicate = "keep_one"
    harmonize: Harmonize = "none"
    effective_size: int = 0
    rehash: bool = False

    def __post_init__(self) -> None:
        """Checks the options and derives the name.

        Raises:
            ValueError: If an option is out of its range.
        """
        self.image_size = _check_image_size(self.image_size)
        self.class_names = _check_class_names(self.class_names)
        for field, allowed in _CHOICES.items():
            check_one_of(field, getattr(self, field), allowed)
        for field, rule in _RULES.items():
            _check_rule(field, getattr(self, field), rule)
        self._check_trust()
        if self.name:
            raise ValueError(
                "`name` is derived from the other options and must not be"
                f" given. Received: name={self.name!r}"
            )
        self.name = self._derive_name()

    def _check_trust(self) -> None:
        """Checks what decides which files are taken, and where to."""
        if math.prod(self.image_size) > self.max_image_pixels:
            raise ValueError(
                "`image_size` must have at most `max_image_pixels`. Received: "
                f"image_size={self.image_size}, "
                f"max_image_pixels={self.max_image_pixels}"
            )
        if self.harmonize != "none" and self.color_mode != "grayscale":
            raise ValueError(
                "`color_mode` must be 'grayscale' with `harmonize`. Received: "
                f"color_mode={self.color_mode!r}, harmonize={self.harmonize!r}"
            )
        patients.compile_pattern(self.patient_pattern)
        table = tables.read_table(self.patients_csv)
        self._table_digest = table.digest if table else ""

    def find_classes(self, directory: epath.PathLike) -> "XrayConfig":
        """Returns these options with names of classes in the place of `auto`.

        Args:
            directory: The source folder.

        Raises:
            SourceError: If it has no classes that can be found.
        """
        if self.class_names != class_names_lib.AUTO:
            return self
        table = tables.read_table(self.patients_csv)
        found = class_names_lib.find(directory, table)
        return dataclasses.replace(self, name="", class_names=found)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of the records."""
        return (*self.image_size, images.COLOR_MODES[self.color_mode])

    @property
    def common_size(self) -> int:
        """Pixels of the side that `harmonize` reduces every image to."""
        return self.effective_size or min(self.image_size) // 2

    def options(self) -> dict[str, Any]:
        """Returns what determines the records, as a JSON-compatible dict."""
        base = {
            field.name for field in dataclasses.fields(tfds.core.BuilderConfig)
        } | {"rehash"}
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in base
        }
        # What the table says decides, not where it lies.
        values["patients_csv"] = self._table_digest
        return json.loads(json.dumps(values))

    def _derive_name(self) -> str:
        """The readable options, then a digest of the others if one is set."""
        height, width = self.image_size
        name = f"{self.color_mode}_{height}x{width}_{self.interpolation}"
        named = ("image_size", "color_mode", "interpolation")
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        defaults["class_names"] = list(XrayConfig.class_names)
        others = {
            name: value
            for name, value in self.options().items()
            if name not in named and value != defaults[name]
        }
        if not others:
            return name
        text = json.dumps(others, sort_keys=True)
        return f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _check_image_size(value: Any) -> tuple[int, int]:
    try:
        height, width = value
        valid = all(type(side) is int and side > 0 for side in value)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "`image_size` must be a pair of positive integers, height and"
            f" width. Received: image_size={value!r}"
        )
    return (height, width)


def _check_class_names(value: Any) -> tuple[str, ...]:
    if value == "auto":
        return class_names_lib.AUTO
    names = tuple(value) if isinstance(value, (list, tuple)) else ()
    if names == class_names_lib.AUTO:
        return names
    if (
        len(names) < 2
        or not all(isinstance(name, str) and name for name in names)
        or len({names_lib.fold(name) for name in names}) < len(names)
    ):
        raise ValueError(
            "`class_names` must be two or more different folder names, or"
            f" auto. Received: class_names={value!r}"
        )
    for name in names:
        if not names_lib.is_class_name(name):
            raise ValueError(
                "`class_names` must be printable, without spaces around them:"
                f" rename the folder. Received: class_names={value!r}, of which"
                f" {name!r} is not"
            )
    return names


def _check_rule(field: str, value: Any, rule: _Rule) -> None:
    """Raises ValueError unless a field is as its rule has it.

    A truth value is no number here, and the text "false" is no truth value.
    """
    kind, is_allowed, words = rule
    kinds = (int, float) if kind is float else kind
    if (
        (isinstance(value, bool) and kind is not bool)
        or not isinstance(value, kinds)
        or not is_allowed(value)
    ):
        raise ValueError(
            f"`{field}` must be {words}. Received: {field}={value!r}"
        )


def check_one_of(field: str, value: Any, allowed: Collection[str]) -> None:
    """Raises ValueError, with its name and value, unless a field is allowed."""
    if value not in allowed:
        raise ValueError(
            f"`{field}` must be one of {', '.join(allowed)}. Received: "
            f"{field}={value!r}"
        )

"""`AugmentConfig`: the arguments of Keras's `ImageDataGenerator`, checked.

Names, defaults, units and accepted forms are Keras's own. What differs is when
a bad value is reported: here always at construction, with the value received.
"""

from collections.abc import Callable
import dataclasses
import math
import numbers
import operator
from typing import Any
import warnings

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
DATA_FORMATS = ("channels_last", "channels_first")
MAX_INTERPOLATION_ORDER = 5

Shift = float | int | tuple[float | int, ...]


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How images are augmented and normalised; immutable and validated.

    The order of the steps is fixed: affine warp, channel shift, flips,
    brightness, `preprocessing_function`, `rescale`, samplewise centring and
    scaling, featurewise centring and scaling, ZCA. So `cval`,
    `channel_shift_range` and `brightness_range` are in the units of the stored
    image, 0 to 255.

    Attributes:
        featurewise_center: Subtract the mean of each channel over the data set.
        samplewise_center: Subtract each image's own mean.
        featurewise_std_normalization: Divide by each channel's standard
            deviation; switches `featurewise_center` on.
        samplewise_std_normalization: Divide by each image's own standard
            deviation; switches `samplewise_center` on.
        zca_whitening: Apply ZCA whitening; switches `featurewise_center` on and
            `featurewise_std_normalization` off.
        zca_epsilon: Added to the singular values before division.
        rotation_range: Degrees; the angle is uniform in plus or minus this.
        width_shift_range: A float below 1 is a fraction of the width and one
            from 1 up is pixels, both uniform in plus or minus this. An int `n`
            is a whole number of pixels below `n`, either sign. A list is a
            choice among its values, either sign; fractions if all are below 1.
            Keras moves the image along its *rows* by this: `keras_quirks`.
        height_shift_range: Likewise for the height; Keras moves along columns.
        brightness_range: Pair; the factor is uniform between them. Truncates
            pixels to whole grey levels, as Keras does.
        shear_range: Degrees.
        zoom_range: A float `z` means the pair `(1 - z, 1 + z)`; factors of the
            two axes are drawn independently. Above 1 zooms out.
        channel_shift_range: Grey levels; one draw for all channels of an image.
        fill_mode: One of `FILL_MODES`; how points outside the image are filled.
        cval: Value of points outside for `fill_mode="constant"`.
        horizontal_flip: Whether to mirror left and right half of the time.
        vertical_flip: Whether to mirror top and bottom half of the time.
        rescale: Factor applied after augmentation, in float32; falsy is off.
        preprocessing_function: TensorFlow function of one float32 image,
            returning the same shape; runs after augmentation, before `rescale`.
        data_format: One of `DATA_FORMATS`; None means `"channels_last"`.
        validation_split: Fraction of each class held out as "validation".
        interpolation_order: Spline order 0 (nearest pixel) to 5.
        dtype: Of images and labels in batches; None means `"float32"`.
            Arithmetic is float32 whatever it is.
        keras_quirks: True reproduces Keras to the pixel. False does what its
            documentation says: height shifts move vertically, the pivot is the
            image's centre, and channel shifts clip each channel to itself.
    """

    featurewise_center: bool = False
    samplewise_center: bool = False
    featurewise_std_normalization: bool = False
    samplewise_std_normalization: bool = False
    zca_whitening: bool = False
    zca_epsilon: float = 1e-6
    rotation_range: float = 0
    width_shift_range: Any = 0.0
    height_shift_range: Any = 0.0
    brightness_range: Any = None
    shear_range: float = 0.0
    zoom_range: Any = 0.0
    channel_shift_range: float = 0.0
    fill_mode: str = "nearest"
    cval: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rescale: float | None = None
    preprocessing_function: Callable | None = None
    data_format: str | None = None
    validation_split: float | None = 0.0
    interpolation_order: int = 1
    dtype: Any = None
    keras_quirks: bool = True

    def __post_init__(self):
        """Validates every field and brings it to its canonical form."""
        for name in ("rotation_range", "shear_range", "channel_shift_range"):
            self._set(name, _number_or_zero(name, getattr(self, name)))
        for name in ("width_shift_range", "height_shift_range"):
            self._set(name, _shift(name, getattr(self, name)))
        self._set("zoom_range", _zoom(self.zoom_range))
        self._set("brightness_range", _brightness(self.brightness_range))
        self._set("cval", float(_number("cval", self.cval)))
        self._set("zca_epsilon", _number("zca_epsilon", self.zca_epsilon))
        self._set("rescale", _number_or_zero("rescale", self.rescale) or None)
        self._set("interpolation_order", _order(self.interpolation_order))
        self._set("validation_split", _fraction(self.validation_split))
        self._set("data_format", self.data_format or DATA_FORMATS[0])
        self._set("dtype", _dtype_name(self.dtype))
        _one_of("fill_mode", self.fill_mode, FILL_MODES)
        _one_of("data_format", self.data_format, DATA_FORMATS)
        if self.preprocessing_function is not None and not callable(
            self.preprocessing_function
        ):
            raise ValueError(
                "`preprocessing_function` must be a function of one image, or "
                "None. Received: preprocessing_function="
                f"{self.preprocessing_function!r}"
            )
        self._couple_flags()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _couple_flags(self) -> None:
        """Switches what one flag implies for another, as Keras does."""
        if self.zca_whitening:
            self._override("featurewise_center", True, "zca_whitening")
            self._override(
                "featurewise_std_normalization", False, "zca_whitening"
            )
        for scope in ("featurewise", "samplewise"):
            if getattr(self, f"{scope}_std_normalization"):
                self._override(
                    f"{scope}_center", True, f"{scope}_std_normalization"
                )

    def _override(self, name: str, value: bool, because: str) -> None:
        if bool(getattr(self, name)) == value:
            return
        warnings.warn(
            f"`{because}=True` sets `{name}={value}`. Pass it explicitly to "
            "silence this warning.",
            stacklevel=5,
        )
        self._set(name, value)

    def without_augmentation(self) -> "AugmentConfig":
        """Returns the configuration for evaluation: normalisation alone."""
        defaults: dict[str, Any] = {
            field.name: field.default
            for field in dataclasses.fields(self)
            if field.name in AUGMENTATION_FIELDS
        }
        return dataclasses.replace(self, **defaults)


AUGMENTATION_FIELDS = frozenset(
    {
        "rotation_range",
        "width_shift_range",
        "height_shift_range",
        "brightness_range",
        "shear_range",
        "zoom_range",
        "channel_shift_range",
        "horizontal_flip",
        "vertical_flip",
    }
)


def _received(name: str, value: Any) -> str:
    return f"Received: {name}={value!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _number(name: str, value: Any) -> Any:
    if not _is_number(value):
        raise ValueError(
            f"`{name}` must be a finite number. {_received(name, value)}"
        )
    return value


def _number_or_zero(name: str, value: Any) -> Any:
    """Returns `value`, or 0 for the falsy values that mean "off" in Keras."""
    return 0 if value is None else _number(name, value)


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"{_received(name, value)}"
        )


def _shift(name: str, value: Any) -> Shift:
    """Returns a shift as a Python int, float or tuple, whose laws differ."""
    if value is None:
        return 0.0
    if getattr(value, "ndim", 0) == 1 and len(value) == 1:
        value = value.tolist()  # Keras takes only one-element arrays
    is_list = isinstance(value, (list, tuple))
    if is_list and all(_is_number(v) for v in value):
        return tuple(_plain(v) for v in value)
    if is_list or not _is_number(value):
        raise ValueError(
            f"`{name}` must be a float (a fraction if below 1, else pixels), "
            f"an int (pixels) or a list of numbers. {_received(name, value)}"
        )
    return _plain(value)


def _plain(value: Any) -> float | int:
    """Returns a Python int or float: an integral *type* selects another law."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value)


def _zoom(value: Any) -> tuple[float, float]:
    if _is_number(value):
        return (1 - value, 1 + value)
    if isinstance(value, (list, tuple)) and len(value) == 2:
        if all(_is_number(v) for v in value):
            return (value[0], value[1])
    raise ValueError(
        "`zoom_range` must be a float or a pair of floats. "
        f"{_received('zoom_range', value)}"
    )


def _brightness(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and len(value) == 2:
        if all(_is_number(v) for v in value):
            return (value[0], value[1])
    raise ValueError(
        "`brightness_range` must be None or a pair of floats. "
        f"{_received('brightness_range', value)}"
    )


def _order(value: Any) -> int:
    try:
        order = operator.index(value)
    except TypeError:
        order = -1
    if not 0 <= order <= MAX_INTERPOLATION_ORDER:
        raise ValueError(
            "`interpolation_order` must be an int from 0 to "
            f"{MAX_INTERPOLATION_ORDER}. "
            f"{_received('interpolation_order', value)}"
        )
    return order


def _fraction(value: Any) -> float:
    if not value:
        return 0.0
    if not _is_number(value) or not 0 < value < 1:
        raise ValueError(
            "`validation_split` must be strictly between 0 and 1, or 0 for "
            f"none. {_received('validation_split', value)}"
        )
    return value


def _dtype_name(value: Any) -> str:
    """Returns the name of a dtype given as a string, NumPy or TF dtype."""
    if value is None:
        return "float32"
    name = value if isinstance(value, str) else getattr(value, "name", None)
    name = name or getattr(value, "__name__", None)
    if name not in _DTYPES:
        raise ValueError(
            f"`dtype` must be one of {', '.join(_DTYPES)}. "
            f"{_received('dtype', value)}"
        )
    return name


_DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "uint8",
    "int32",
    "int64",
)

"""`AugmentConfig`: the arguments of Keras's `ImageDataGenerator`, checked.

Names, defaults, units and accepted forms are Keras's own. What differs is when
a bad value is reported: here always at construction, with the value received.
"""

from collections.abc import Callable
import dataclasses
from typing import Any
import warnings

from pipeline import checks
from pipeline import statistics as statistics_lib

FILL_MODES = ("nearest", "constant", "reflect", "wrap")
DATA_FORMATS = ("channels_last", "channels_first")
_CHECKS = {
    "rotation_range": checks.check_number_or_zero,
    "shear_range": checks.check_number_or_zero,
    "channel_shift_range": checks.check_number_or_zero,
    "width_shift_range": checks.check_shift,
    "height_shift_range": checks.check_shift,
    "zoom_range": checks.check_zoom,
    "brightness_range": checks.check_brightness,
    "cval": checks.check_number,
    "zca_epsilon": checks.check_number,
    "rescale": checks.check_number_or_zero,
    "interpolation_order": checks.check_order,
    "validation_split": checks.check_fraction,
    "dtype": checks.check_dtype,
    "preprocessing_function": checks.check_function,
}


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
        preprocessing_function: Function of one float32 image, or of (image,
            seed) if it draws at random, that returns the same shape; runs after
            augmentation, before `rescale`. The seed is int32 `[2]`, none of it
            negative, another for each example and epoch. A function that works
            on tensors is fast; one of NumPy arrays is called outside the graph.
        data_format: One of `DATA_FORMATS`; None means `"channels_last"`.
        validation_split: Fraction of each class held out as "validation".
        interpolation_order: Spline order 0 (nearest pixel) to 5.
        dtype: Of images and labels in batches; None means `"float32"`.
            Arithmetic is float32 whatever it is.
        keras_quirks: True reproduces Keras to the pixel. False does what its
            documentation says: height shifts move vertically, the pivot is the
            image's centre, and channel shifts clip each channel to itself.
        statistics: Fitted `Statistics` for the featurewise steps, used where
            none are passed; `from_keras` fills it in.
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
    statistics: Any = None

    def __post_init__(self):
        """Validates every field and brings it to its canonical form."""
        for name, check in _CHECKS.items():
            self._set(name, check(name, getattr(self, name)))
        if self.data_format is None:
            self._set("data_format", DATA_FORMATS[0])
        checks.check_choice("fill_mode", self.fill_mode, FILL_MODES)
        checks.check_choice("data_format", self.data_format, DATA_FORMATS)
        self._couple_flags()

    @classmethod
    def from_keras(cls, image_data_generator) -> "AugmentConfig":
        """Takes the arguments of a live `ImageDataGenerator`.

        Args:
            image_data_generator: Keras object; if it was fitted, its mean, std
                and ZCA matrix come along as `statistics`.

        Returns:
            `AugmentConfig`.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        names -= {"validation_split", "keras_quirks", "statistics"}
        fitted = {
            name: getattr(image_data_generator, name)
            for name in ("mean", "std", "zca_whitening_matrix")
        }
        has_any = any(value is not None for value in fitted.values())
        return cls(
            **{name: getattr(image_data_generator, name) for name in names},
            validation_split=image_data_generator._validation_split,
            statistics=statistics_lib.Statistics(**fitted) if has_any else None,
        )

    @property
    def takes_seed(self) -> bool:
        """Whether `preprocessing_function` is one of (image, seed)."""
        function = self.preprocessing_function
        return (
            function is not None and checks.seed_parameter(function) is not None
        )

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
        """Returns the configuration for evaluation: normalisation alone.

        Raises:
            ValueError: If `preprocessing_function` draws at random.
        """
        if self.takes_seed:
            raise ValueError(
                "`preprocessing_function` must be a function of one image for "
                "evaluation, which is not random. Pass a configuration with "
                "one that normalises alone, or with None. Received: "
                f"preprocessing_function={self.preprocessing_function!r}"
            )
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

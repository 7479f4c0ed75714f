"""`AugmentConfig`: the arguments of Keras's `ImageDataGenerator`, checked.

Names, defaults, units and accepted forms are Keras's own. What differs is when
a bad value is reported: here always at construction, with the value received.
Imports no TensorFlow, so that a command line is checked before it loads.
"""

from collections.abc import Callable
import dataclasses
import typing
from typing import Any
from typing import Literal
import warnings

from pipeline import checks
from pipeline import options

if typing.TYPE_CHECKING:
    from pipeline import statistics as statistics_lib

FillMode = Literal["nearest", "constant", "reflect", "wrap"]
DataFormat = Literal["channels_last", "channels_first"]
FILL_MODES: tuple[FillMode, ...] = typing.get_args(FillMode)
DATA_FORMATS: tuple[DataFormat, ...] = typing.get_args(DataFormat)

# Arguments that Keras's generator does not have.
OURS = ("sharpness_range", "gamma_range", "local_contrast_normalization")

# Flag, what it sets, and to what: in this order, the first before the others.
_IMPLIED = (
    ("zca_whitening", "featurewise_center", True),
    ("zca_whitening", "featurewise_std_normalization", False),
    ("featurewise_std_normalization", "featurewise_center", True),
    ("samplewise_std_normalization", "samplewise_center", True),
)

AUGMENTATION = options.Group(
    "Augmentation (of training images; names and units of Keras)"
)


@options.documented
@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How images are augmented and normalised; immutable and validated.

    The order of the steps is fixed: affine warp, channel shift, flips,
    brightness, `preprocessing_function`, `rescale`, samplewise centring and
    scaling, featurewise centring and scaling, ZCA. So `cval`,
    `channel_shift_range` and `brightness_range` are in the units of the stored
    image, 0 to 255. Of those that Keras does not have, `sharpness_range` and
    `gamma_range` follow brightness, `local_contrast_normalization` `rescale`.
    """

    featurewise_center: bool = AUGMENTATION.option(
        False, "Subtract the mean of each channel over the data set."
    )
    samplewise_center: bool = AUGMENTATION.option(
        False, "Subtract each image's own mean."
    )
    featurewise_std_normalization: bool = AUGMENTATION.option(
        False,
        "Divide by each channel's standard deviation over the data set.",
        details="Switches `featurewise_center` on.",
    )
    samplewise_std_normalization: bool = AUGMENTATION.option(
        False,
        "Divide by each image's own standard deviation.",
        details="Switches `samplewise_center` on.",
    )
    local_contrast_normalization: bool = AUGMENTATION.option(
        False,
        "Subtract the mean of each pixel's surroundings and divide by their "
        "standard deviation.",
        details="Not one of Keras's. `detail.normalize` has the formula.",
    )
    zca_whitening: bool = AUGMENTATION.option(
        False,
        "Whiten images of up to 4,096 values: 64x64 in grey.",
        details="Switches `featurewise_center` on and "
        "`featurewise_std_normalization` off.",
    )
    zca_epsilon: float = AUGMENTATION.option(
        1e-6,
        "Added to the singular values before ZCA divides by them.",
        check=checks.number,
    )
    rotation_range: float = AUGMENTATION.option(
        0,
        "Degrees; the angle is uniform in plus or minus this.",
        check=checks.optional(checks.number, 0),
    )
    # Of this and others, the type says what is taken: more than what is kept.
    width_shift_range: Any = AUGMENTATION.option(
        0.0,
        "Fraction of the width (0.05), pixels (8), or a choice (-8,0,8).",
        details="A float below 1 is a fraction of the width and one from 1 up "
        "is pixels, both uniform in plus or minus this. An int `n` is a whole "
        "number of pixels below `n`, either sign. A list is a choice among its "
        "values, either sign; fractions if all are below 1. Keras moves the "
        "image along its *rows* by this: `keras_quirks`.",
        kind="range",
        check=checks.optional(checks.shift, 0.0),
    )
    height_shift_range: Any = AUGMENTATION.option(
        0.0,
        "Likewise for the height.",
        details="Keras moves along columns.",
        kind="range",
        check=checks.optional(checks.shift, 0.0),
    )
    brightness_range: Any = AUGMENTATION.option(
        None,
        "Two factors, such as 0.8,1.2; the factor is uniform between them.",
        details="Truncates pixels to whole grey levels, as Keras does.",
        kind="pair",
        check=checks.optional(checks.pair),
    )
    shear_range: float = AUGMENTATION.option(
        0.0,
        "Degrees, either way.",
        check=checks.optional(checks.number, 0),
    )
    zoom_range: Any = AUGMENTATION.option(
        0.0,
        "0.2 for factors from 0.8 to 1.2, or the two; above 1 zooms out.",
        details="A float `z` means the pair `(1 - z, 1 + z)`; factors of the "
        "two axes are drawn independently.",
        kind="pair",
        check=checks.zoom,
    )
    channel_shift_range: float = AUGMENTATION.option(
        0.0,
        "Grey levels, either way; one draw for all channels of an image.",
        check=checks.optional(checks.number, 0),
    )
    sharpness_range: float = AUGMENTATION.option(
        0.0,
        "Blur or sharpen: fine detail is multiplied by a factor uniform in 1 "
        "plus or minus this, at most 1.",
        details="Not one of Keras's. `detail.scale` has the formula.",
        check=checks.optional(checks.closed_share, 0.0),
    )
    gamma_range: float = AUGMENTATION.option(
        0.0,
        "Darken or brighten: grey values of 0 to 1 to the power of 2**u, u "
        "uniform in plus or minus this.",
        details="Not one of Keras's. Values are clipped to 0 to 255 before.",
        check=checks.optional(checks.not_negative, 0.0),
    )
    fill_mode: FillMode = AUGMENTATION.option(
        "nearest", "How points outside the image are filled."
    )
    cval: float = AUGMENTATION.option(
        0.0,
        "Grey level of points outside, for fill_mode=constant.",
        check=checks.number,
    )
    horizontal_flip: bool = AUGMENTATION.option(
        False, "Mirror left and right half of the time."
    )
    vertical_flip: bool = AUGMENTATION.option(
        False, "Mirror top and bottom half of the time."
    )
    rescale: float | None = AUGMENTATION.option(
        None,
        "Factor on all images after augmentation, such as 1/255.",
        details="In float32; falsy is off.",
        check=checks.optional(checks.number, 0),
    )
    preprocessing_function: Callable[..., Any] | None = AUGMENTATION.option(
        None,
        "Function of one float32 image, or of (image, seed) if it draws at "
        "random, that returns the same shape; runs after augmentation, before "
        "`rescale`.",
        details="The seed is int32 `[2]`, none of it negative, another for "
        "each example and epoch. A function that works on tensors is fast; one "
        "of NumPy arrays is called outside the graph.",
        kind="python",
        check=checks.optional(checks.function),
    )
    data_format: DataFormat | None = AUGMENTATION.option(
        None,
        'None means "channels_last".',
        kind="python",
        check=checks.optional(checks.one_of(DATA_FORMATS), DATA_FORMATS[0]),
    )
    validation_split: float | None = AUGMENTATION.option(
        0.0,
        'Fraction of each class held out as "validation".',
        kind="python",
        check=checks.optional(checks.share, 0.0),
    )
    interpolation_order: int = AUGMENTATION.option(
        1,
        "Spline order, from 0 (the nearest pixel) to 5.",
        check=checks.integer(0, checks.MAX_INTERPOLATION_ORDER),
    )
    dtype: Any = AUGMENTATION.option(
        None,
        'Of images and labels in batches; None means "float32".',
        details="Arithmetic is float32 whatever it is.",
        kind="python",
        check=checks.optional(checks.dtype, "float32"),
    )
    keras_quirks: bool = AUGMENTATION.option(
        True,
        "Reproduce ImageDataGenerator to the pixel, or do what its "
        "documentation says.",
        details="If False, height shifts move vertically, the pivot is the "
        "image's centre, and channel shifts clip each channel to itself.",
    )
    # Fitted to the training images: it changes only with them, which a run has
    # the fingerprint of.
    statistics: "statistics_lib.Statistics | None" = AUGMENTATION.option(
        None,
        "Fitted `Statistics` for the featurewise steps, used where none are "
        "passed; `from_keras` fills it in.",
        kind="python",
        scope="course",
    )

    def __post_init__(self) -> None:
        """Validates every field and brings it to its canonical form."""
        options.check_fields(self)
        self._couple_flags()

    @classmethod
    def from_keras(cls, image_data_generator: Any) -> "AugmentConfig":
        """Takes the arguments of a live `ImageDataGenerator`.

        Args:
            image_data_generator: Keras object; if it was fitted, its mean, std
                and ZCA matrix come along as `statistics`. One that transforms
                images by methods of its own is refused.
        """
        checks.check_generator(image_data_generator)
        # TensorFlow loads with it, and is there already with a live generator.
        from pipeline import statistics as statistics_lib

        names = {field.name for field in dataclasses.fields(cls)}
        names -= {"validation_split", "keras_quirks", "statistics"}
        names -= set(OURS)
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

    def _couple_flags(self) -> None:
        """Switches what one flag implies for another, as Keras does."""
        for because, name, value in _IMPLIED:
            if getattr(self, because) and bool(getattr(self, name)) != value:
                warnings.warn(
                    f"`{because}=True` sets `{name}={value}`. Pass it "
                    "explicitly to silence this warning.",
                    stacklevel=4,
                )
                object.__setattr__(self, name, value)

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


# What is drawn anew for each image; Keras names all of it alike.
AUGMENTATION_FIELDS = frozenset(
    name
    for name in options.options_of(AugmentConfig)
    if name.endswith(("_range", "_flip"))
)

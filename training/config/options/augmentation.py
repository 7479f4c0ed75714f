"""Options of the augmentation: names and units of Keras."""

from training.config.options.option import Option

AUGMENTATION = (
    Option("rescale", "number", "Factor on all images, such as 1/255."),
    Option("horizontal_flip", "boolean", "Mirror left and right at random."),
    Option("vertical_flip", "boolean", "Mirror top and bottom at random."),
    Option(
        "width_shift_range",
        "range",
        "Fraction of the width (0.05), pixels (8), or a choice (-8,0,8).",
    ),
    Option("height_shift_range", "range", "Likewise for the height."),
    Option("rotation_range", "number", "Degrees, either way."),
    Option("shear_range", "number", "Degrees, either way."),
    Option("zoom_range", "pair", "0.2 for factors 0.8 to 1.2, or the two."),
    Option("channel_shift_range", "number", "Grey levels, either way."),
    Option("brightness_range", "pair", "Two factors, such as 0.8,1.2."),
    Option(
        "fill_mode",
        "enum",
        "How points outside the image are filled; nearest if left out.",
        choices=("nearest", "constant", "reflect", "wrap"),
    ),
    Option("cval", "number", "Grey level outside for fill_mode=constant."),
    Option("interpolation_order", "integer", "Spline order, 0 to 5."),
    Option("samplewise_center", "boolean", "Subtract each image's mean."),
    Option(
        "samplewise_std_normalization",
        "boolean",
        "Divide by each image's standard deviation.",
    ),
    Option("featurewise_center", "boolean", "Subtract the data set's mean."),
    Option(
        "featurewise_std_normalization",
        "boolean",
        "Divide by the data set's standard deviation.",
    ),
    Option("zca_whitening", "boolean", "Whiten images of up to 64x64."),
    Option("zca_epsilon", "number", "Added before ZCA divides; 1e-6."),
    Option(
        "keras_quirks",
        "boolean",
        "Reproduce ImageDataGenerator to the pixel (the default), or do what "
        "its documentation says (--nokeras_quirks).",
    ),
)

"""The input check of a service: opened once, asked for each film."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import typing as npt

from inference import input_check
from inference import predictor as predictor_lib
from xray_tfds.decode import quality

# Names what is odd about a film, by `input_check.FLAGS`; empty if nothing is.
Check = Callable[
    [quality.Decoded, npt.NDArray[np.uint8], predictor_lib.Prediction],
    tuple[str, ...],
]

# What a flag means, for those who look at the page.
MEANINGS = {
    "colour": "It has colours, which a film has not.",
    "aspect": "It is far wider or higher than films are.",
    "too small": "It has fewer pixels than the network is shown.",
    "near constant": "It shows next to nothing.",
    "inverted": "Black and white seem to be exchanged.",
    "layout": "It does not look like the films of the training.",
    "unfamiliar": "The network finds it unlike nearly all films it knows.",
}


def open_check(predictor: predictor_lib.Predictor) -> tuple[Check, str]:
    """Returns the check of a predictor's films.

    Args:
        predictor: Learns what films look like where it has not yet, which
            takes as long as scoring its training images.

    Returns:
        The check, which any thread may ask; and a sentence that says why films
        are not compared with those of the training, or nothing.
    """
    reference, note = None, ""
    if predictor.open_reference is None:
        note = "Films are not compared with those of the training."
    else:
        try:
            reference = predictor.open_reference()
        except ValueError as error:
            note = f"Films are not compared with those of the training: {error}"

    def check(
        decoded: quality.Decoded,
        pixels: npt.NDArray[np.uint8],
        prediction: predictor_lib.Prediction,
    ) -> tuple[str, ...]:
        flags = input_check.check_film(decoded, pixels)
        if reference is not None:
            features = prediction.features
            (more,) = input_check.check_familiar(
                reference,
                pixels[np.newaxis],
                None if features is None else features[np.newaxis],
            )
            flags += more
        return flags

    return check, note

"""The input check of a service: opened once, asked for each film."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy import typing as npt

from inference import input_check
from inference import predictor as predictor_lib
from inference import reference as reference_lib
from xray_tfds.decode import quality

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


@dataclasses.dataclass(frozen=True, eq=False)
class Check:
    """Names what is odd about a film, by `input_check.FLAGS`.

    Any thread may ask. What needs the film itself is asked apart, so that the
    film need not be kept until it is scored.

    Attributes:
        reference: What films look like; None if that is not known.
    """

    reference: reference_lib.Reference | None = None

    def of_film(
        self, decoded: quality.Decoded, pixels: npt.NDArray[np.uint8]
    ) -> tuple[str, ...]:
        """Returns what is odd about a film by itself.

        Args:
            decoded: The film.
            pixels: uint8 `[height, width, channels]`, as the network is shown
                it.
        """
        return input_check.check_film(decoded, pixels)

    def of_scored(
        self,
        pixels: npt.NDArray[np.uint8],
        prediction: predictor_lib.Prediction,
    ) -> tuple[str, ...]:
        """Returns what is odd about a film beside those of the training.

        Args:
            pixels: As for `of_film`.
            prediction: What the network said.
        """
        if self.reference is None:
            return ()
        features = prediction.features
        (flags,) = input_check.check_familiar(
            self.reference,
            pixels[np.newaxis],
            None if features is None else features[np.newaxis],
        )
        return flags


def open_check(predictor: predictor_lib.Predictor) -> tuple[Check, str]:
    """Returns the check of a predictor's films.

    Args:
        predictor: Learns what films look like where it has not yet, which
            takes as long as scoring its training images.

    Returns:
        The check; and a sentence that says why films are not compared with
        those of the training, or nothing.
    """
    reference, note = None, ""
    if predictor.open_reference is None:
        note = "Films are not compared with those of the training."
    else:
        try:
            reference = predictor.open_reference()
        except ValueError as error:
            note = f"Films are not compared with those of the training: {error}"
    return Check(reference), note

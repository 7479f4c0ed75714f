"""What is said of a film that is unlike those of the training."""

import io

from PIL import Image
import numpy as np

from evaluation import feature_distance
from inference import input_check
from inference import predictor as predictor_lib
from inference import reference
from inference.serving import checking
from tests.helpers import services


def test_input_check_is_told_and_counted():
    class Check(checking.Check):
        def of_film(self, decoded, pixels):
            assert decoded.width == 60 and pixels.shape == (*services.SIZE, 1)
            return ("colour",)

        def of_scored(self, pixels, prediction):
            assert pixels.shape == (*services.SIZE, 1)
            assert prediction.decision == 1
            return ("inverted",)

    with services.running(check=Check()) as service:
        _, content = service.predict(("a.png", services.film()))
        assert content["predictions"][0]["flags"] == ["colour", "inverted"]
        counts = service.counts()
    for flag in ("colour", "inverted"):
        name = f'xray_tfds_serving_flags_total{{flag="{flag}"}}'
        assert counts[name] == "1"


def test_check_tells_what_it_can(rng):
    def open_reference():
        raise ValueError("the records are gone from /home/smith")

    check, note = checking.open_check(
        services.make_predictor(open_reference=open_reference)
    )
    assert "the records are gone" in note
    predictor = services.make_predictor()
    pixels = rng.integers(0, 255, (40, 200, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    decoded = predictor.decode(buffer.getvalue())
    prepared = predictor.make_pixels(decoded)
    (prediction,) = predictor.predict(prepared[np.newaxis])
    assert check.of_film(decoded, prepared) == ("colour", "aspect")
    assert check.of_scored(prepared, prediction) == ()


def test_film_is_compared_with_those_of_the_training(rng):
    predictor = services.make_predictor()
    shown = rng.integers(0, 255, (60, 50), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(shown).save(buffer, "PNG")
    decoded = predictor.decode(buffer.getvalue())
    pixels = predictor.make_pixels(decoded)
    thumbnail = reference.thumbnail_of(pixels)
    known = feature_distance.Classes(np.zeros((2, 3)), np.eye(3))
    check, note = checking.open_check(
        services.make_predictor(
            open_reference=lambda: reference.Reference(
                "ab" * 32, known, most_distant=1.0, thumbnail=thumbnail
            )
        )
    )
    assert not note
    probabilities = np.array([0.3, 0.7])
    for distance, flags in ((0.5, ()), (9.0, ("unfamiliar",))):
        prediction = predictor_lib.Prediction(
            probabilities, probabilities, 1, np.array([distance, 0.0, 0.0])
        )
        assert check.of_scored(pixels, prediction) == flags
    assert check.of_film(decoded, pixels) == ()


def test_each_flag_is_explained():
    assert tuple(checking.MEANINGS) == input_check.FLAGS

"""A file -> pixels -> what a network says of it, and what is decided.

    predictor = predictor_lib.open_predictor("runs/20261127-120000")
    pixels = predictor.prepare(pathlib.Path("film.jpeg").read_bytes())
    [prediction] = predictor.predict(pixels[np.newaxis])
    predictor.class_names[prediction.decision]

Importing this loads no TensorFlow, which a network in another format may not
need.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import functools
import pathlib
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
from numpy import typing as npt

from evaluation import calibration
from evaluation import figures
from xray_tfds.curate import examine
from xray_tfds.decode import quality

if TYPE_CHECKING:
    from inference import operating_point
    from inference import reference
    from inference import run_files
    from inference import runs
    from xray_tfds import config as config_lib

Pixels = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a network says of images.

    Attributes:
        probabilities: float64 `[n, num_classes]`.
        features: float64 `[n, num_features]`, what its last layer was fed;
            None of a network that does not show that.
    """

    probabilities: npt.NDArray[np.float64]
    features: npt.NDArray[np.float64] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """What is said of an image.

    Attributes:
        probabilities: float64 `[num_classes]`, of the network.
        calibrated: float64 `[num_classes]`; the same without calibration.
        decision: Index of the class that is decided on.
        features: float64 `[num_features]`, as in `Outputs`.
    """

    probabilities: npt.NDArray[np.float64]
    calibrated: npt.NDArray[np.float64]
    decision: int
    features: npt.NDArray[np.float64] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Predictor:
    """A network with all that belongs to it, from the bytes of a file on.

    Attributes:
        name: Of the model, for people.
        sha256: Of the file of the network.
        class_names: In the order of the probabilities.
        image_shape: `(height, width, channels)` of what `prepare` returns.
        config: The `xray_tfds.XrayConfig` by which the network's own images
            were prepared.
        threshold: With two classes, from which probability the second is
            decided on; None with more, where the likeliest is.
        temperature: What logits are divided by; None without calibration.
        batch_size: Images that the network is shown at a time.
        score: From uint8 `[n, height, width, channels]`, of any number, to
            `Outputs`. May be called from any thread, as the next.
        maps: From the same and int `[n]`, classes, to float32 `[n, height,
            width]`: what speaks for them where, as
            `activation_maps.activation_maps`. None if there are no maps.
        open_reference: Returns what films look like (`input_check`), learned
            the first time; raises ValueError where that is not to be had. None
            if it never is.
        note: What its user has to know, a sentence without a path; or empty.
        remedy: What whoever has the run can do about it; or empty.
        rule: By which the threshold was chosen on validation, such as "youden";
            a number was chosen by nothing. None with more than two classes, and
            of an export that does not say.
    """

    name: str
    sha256: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    config: config_lib.XrayConfig
    threshold: float | None
    temperature: float | None
    batch_size: int
    score: Callable[[Pixels], Outputs]
    maps: (
        Callable[[Pixels, npt.NDArray[np.int64]], npt.NDArray[np.float32]]
        | None
    ) = None
    open_reference: Callable[[], reference.Reference] | None = None
    note: str = ""
    remedy: str = ""
    rule: str | None = None

    @property
    def advice(self) -> str:
        """`note` and `remedy`, for whoever has the run; or nothing."""
        return f"{self.note} {self.remedy}".strip()

    def decode(self, data: bytes) -> quality.Decoded:
        """Decodes a file as the builder does; may be called from any thread.

        Args:
            data: Its content.

        Raises:
            BadFile: If it cannot be scored; says why.
            ImportError: If it is DICOM and pydicom is not installed.
        """
        return examine.decode(data, self.config)

    def prepare(self, data: bytes) -> Pixels:
        """Returns the uint8 `[height, width, channels]` that is scored.

        Args:
            data: As for `decode`, which says what is raised.
        """
        return self.make_pixels(self.decode(data))

    def make_pixels(self, decoded: quality.Decoded) -> Pixels:
        """Returns what `prepare` does, of a decoded file."""
        pixels: Pixels = examine.make_pixels(decoded.image, self.config)
        return pixels

    def predict(self, images: Pixels) -> list[Prediction]:
        """Scores images and decides.

        What is said of an image does not depend on the others.

        Args:
            images: uint8 `[n, height, width, channels]`, as `prepare` returns
                them.
        """
        if images.shape[1:] != self.image_shape or images.dtype != np.uint8:
            raise ValueError(
                f"`images` must be uint8 {('n', *self.image_shape)}. Received: "
                f"images.shape={images.shape}, images.dtype={images.dtype}"
            )
        outputs = self.score(images)
        own = outputs.probabilities
        calibrated = own
        if self.temperature is not None:
            calibrated = calibration.apply(own, self.temperature)
        features: Any = outputs.features
        if features is None:
            features = [None] * len(own)
        decided = figures.decide_all(own, self.threshold)
        return [
            Prediction(*row)
            for row in zip(own, calibrated, decided.tolist(), features)
        ]


def open_predictor(
    workdir: str | pathlib.Path,
    *,
    weights: run_files.Weights = "best",
    batch_size: int | None = None,
    data_dir: str | None = None,
) -> Predictor:
    """Opens the directory of a run, with the threshold that was stored there.

    Args:
        workdir: As of `train.py`.
        weights: As for `runs.open_run`.
        batch_size: Images that the network is shown at a time; None for as
            many as in training, with which scores are those of `evaluate.py`
            bit for bit on the same device.
        data_dir: As for `records.open_builder`.

    Raises:
        ValueError: If the run cannot be opened, another program than
            `xray_tfds` prepared its images, or its threshold is that of another
            model.
    """
    # What needs TensorFlow.
    from inference import runs as runs_lib

    run = runs_lib.open_run(workdir, weights=weights)
    return of_run(run, batch_size, data_dir)


def of_run(
    run: runs.Run,
    batch_size: int | None = None,
    data_dir: str | None = None,
    *,
    point: operating_point.StoredPoint | None = None,
) -> Predictor:
    """Returns the predictor of a run that is open; see `open_predictor`.

    Args:
        run: The run.
        batch_size: As for `open_predictor`, like the next.
        data_dir: See there.
        point: How it is used; None for as it was stored.
    """
    from inference import cases
    from inference import external
    from inference import operating_point as point_lib
    from inference import reference_fit
    from inference import scoring
    import xray_tfds

    config = xray_tfds.XrayConfig(**external.builder_options(run))
    if point is None:
        point = point_lib.read(run.workdir, run.sha256, run.class_names)
    size = batch_size or scoring.batch_size_of(run)

    def score(images: Pixels) -> Outputs:
        return Outputs(*scoring.score_at_once(run, images, size))

    return Predictor(
        name=str(run.workdir),
        sha256=run.sha256,
        class_names=run.class_names,
        image_shape=run.image_shape,
        config=config,
        threshold=point.threshold,
        temperature=point.temperature,
        batch_size=size,
        score=score,
        maps=functools.partial(cases.maps, run),
        open_reference=functools.partial(
            reference_fit.open_reference, run, data_dir
        ),
        note=point.note,
        remedy=point.remedy,
        rule=point.rule,
    )

"""Pictures of scored films, in a directory that `--explain_dir` names."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import re

from PIL import Image
import numpy as np

from inference import inputs
from inference import prediction
from inference import prediction_rows
from inference import predictor as predictor_lib
from training.workdir import atomic

# Of a film's name that goes into that of its overlay.
_MOST_LETTERS = 40

# The names of pictures, as `OverlayFiles` gives them.
_PICTURE = re.compile(r"\d{6,}-[A-Za-z0-9._-]*\.png")

_NO_FILM = "not scored: a picture that --explain_dir has written"


class OverlayFiles:
    """Pictures of films with what speaks for the decision."""

    def __init__(
        self, predictor: predictor_lib.Predictor, directory: str
    ) -> None:
        """Makes the directory, if it is not there.

        Args:
            predictor: Whose maps are drawn.
            directory: Where pictures go.

        Raises:
            ValueError: If there are no maps, or the directory cannot be made.
        """
        if predictor.maps is None:
            raise ValueError(
                f"{predictor.name} has no activation maps. Leave out "
                "--explain_dir, or name the run itself: --workdir=RUN instead "
                "of --model."
            )
        self._maps = predictor.maps
        self._directory = pathlib.Path(directory)
        _make_directory(self._directory)

    def draw(
        self, scored: Sequence[prediction.Scored], start: int
    ) -> list[prediction_rows.Row]:
        """Writes the overlays of scored films; returns rows that name them.

        Args:
            scored: Some inputs.
            start: How many there were before them.
        """
        found = {
            index: (each.pixels, each.row.prediction.decision)
            for index, each in enumerate(scored)
            if each.pixels is not None and each.row.prediction is not None
        }
        rows = [each.row for each in scored]
        if not found:
            return rows
        # TensorFlow's, which whatever has maps has loaded.
        from inference import overlays

        images, classes = map(np.stack, zip(*found.values()))
        for index, image, activation_map in zip(
            found, images, self._maps(images, classes)
        ):
            path = self._save(
                overlays.overlay(image, activation_map),
                start + index + 1,
                rows[index].path,
            )
            rows[index] = dataclasses.replace(rows[index], overlay=str(path))
        return rows

    def _reserve(self, number: int, name: str) -> pathlib.Path:
        """Returns where an overlay goes, an empty file by now.

        Earlier rows keep theirs, and so do those of another process that draws
        into the same directory at the same time.
        """
        stem = re.sub(r"[^A-Za-z0-9.-]", "_", pathlib.PurePath(name).stem)
        stem = f"{number:06}-{stem[:_MOST_LETTERS]}"
        path, copies = self._directory / f"{stem}.png", 1
        while True:
            try:
                path.touch(exist_ok=False)
                return path
            except FileExistsError:
                copies += 1
                path = self._directory / f"{stem}-{copies}.png"

    def _save(
        self, pixels: predictor_lib.Pixels, number: int, name: str
    ) -> pathlib.Path:
        """Writes the overlay of a film; returns where it is."""
        try:
            path = self._reserve(number, name)
            with _removed_on_failure(path), atomic.replacing(path) as temporary:
                Image.fromarray(pixels).save(temporary)
            return path
        except OSError as error:
            raise ValueError(
                f"`explain_dir` cannot be written to: {error.strerror or error}"
                ". Make room, or add --explain_dir=DIR with another. Received: "
                f"explain_dir={self._directory}"
            ) from error


@contextlib.contextmanager
def _removed_on_failure(path: pathlib.Path) -> Iterator[None]:
    """Removes a file if the body of `with` fails."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _make_directory(directory: pathlib.Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            "`explain_dir` must be a directory, or a place for one: "
            f"{error.strerror}. Received: explain_dir={directory}"
        ) from error


def check_apart(directory: str, arguments: Sequence[str]) -> None:
    """Refuses a directory whose pictures would be taken for films.

    Args:
        directory: Where pictures go.
        arguments: What is scored, as for `inputs.expand`.

    Raises:
        ValueError: If it lies in a folder that is named.
    """
    own = pathlib.Path(os.path.realpath(directory))
    for argument in filter(os.path.isdir, arguments):
        folder = pathlib.Path(os.path.realpath(argument))
        if own.is_relative_to(folder) and not any(
            # Of what is hidden nothing is scored.
            part.startswith(".")
            for part in own.relative_to(folder).parts
        ):
            raise ValueError(
                "`explain_dir` must lie outside of what is scored, or its "
                "pictures would be taken for films. Add --explain_dir=DIR with "
                f"another. Received: explain_dir={directory}, {argument}"
            )


def mark(
    found: Iterable[inputs.Input], directory: str
) -> Iterator[inputs.Input]:
    """Yields inputs; pictures of the directory, by a reason, as no films.

    A pattern or a list may name them, of this call or of an earlier one.

    Args:
        found: What is to be scored.
        directory: Where pictures go.
    """
    own = os.path.realpath(directory)
    for each in found:
        folder, name = os.path.split(os.path.realpath(each.path))
        is_picture = folder == own and _PICTURE.fullmatch(name)
        yield each._replace(error=_NO_FILM) if is_picture else each

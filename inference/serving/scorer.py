"""One film after the other or many at once: from its bytes to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from concurrent import futures
import contextlib
import dataclasses
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import numpy as np
from numpy import typing as npt

from inference import predictor as predictor_lib
from inference.serving import batching
from inference.serving import checking
from inference.serving import counters as counters_lib
from inference.serving import pictures
from inference.serving import uploads as uploads_lib
from xray_tfds import parallel
from xray_tfds.decode import errors

_R = TypeVar("_R")


def limit_pixels(
    predictor: predictor_lib.Predictor, max_pixels: int
) -> predictor_lib.Predictor:
    """Returns a predictor that refuses films of more pixels, by their header.

    Args:
        predictor: Has a limit already, which is kept if it is lower.
        max_pixels: The limit.

    Raises:
        ValueError: If not even images of the network's own size had as few.
    """
    height, width = predictor.config.image_size
    if max_pixels < height * width:
        raise ValueError(
            f"`max_megapixels` must not be below the {width}x{height} pixels "
            "that the network is shown. Received: "
            f"max_megapixels={max_pixels / 1e6:g}"
        )
    lower = min(max_pixels, predictor.config.max_image_pixels)
    # The name is derived from the other options, anew.
    config = dataclasses.replace(
        predictor.config, name="", max_image_pixels=lower
    )
    return dataclasses.replace(predictor, config=config)


class _Prepared(NamedTuple):
    """What is kept of a film until it is scored: not the film.

    A film of 50 megapixels in a file of 50 KB takes 150 MB, and as many may
    wait for the network as `--queue_size` says.

    Attributes:
        pixels: uint8 `[height, width, channels]`, as the network is shown it.
        flags: What the input check finds in the film itself.
        image: The film as a data URL; None if nobody asked for it.
    """

    pixels: npt.NDArray[np.uint8]
    flags: tuple[str, ...]
    image: str | None


class Scorer:
    """Decodes on all cores, and asks one network."""

    def __init__(
        self,
        predictor: predictor_lib.Predictor,
        counters: counters_lib.Counters,
        check: checking.Check | None = None,
    ) -> None:
        """Takes what `run` sets going.

        Args:
            predictor: What is asked.
            counters: Counts films and batches.
            check: The input check; None for none.
        """
        self._predictor = predictor
        self._counters = counters
        self._check = check
        self._batcher = batching.Batcher(
            predictor.predict,
            batch_size=predictor.batch_size,
            count=counters.count_batch,
        )
        self._threads = futures.ThreadPoolExecutor(
            parallel.num_cores(), thread_name_prefix="decode"
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lets films be scored within the body of `async with`."""
        task = asyncio.create_task(self._batcher.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, function: Callable[..., _R], *args: Any) -> _R:
        """Returns what a function returns in a thread of those that decode."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *args)

    async def score(
        self, upload: uploads_lib.Upload, *, explain: bool
    ) -> dict[str, Any]:
        """Returns what is said of a film, as JSON has it.

        Args:
            upload: The film.
            explain: Whether to add `image` and `map`, as data URLs.
        """
        row: dict[str, Any] = {
            "filename": upload.name or None,
            **dict.fromkeys(("probabilities", "calibrated", "decision")),
            "flags": [],
            "error": None,
        }
        try:
            prepared = await self.in_thread(
                self._prepare, upload.data, explain
            )
        except errors.BadFile as error:
            self._counters.count_image(error.reason)
            return row | {"error": str(error)}
        prediction = await self._batcher.submit(prepared.pixels)
        if not np.isfinite(prediction.calibrated).all():
            self._counters.count_image("no number")
            return row | {"error": "the network returned what is no number"}
        row |= self._describe(prediction)
        flags = prepared.flags
        if self._check is not None:
            flags += await self.in_thread(
                self._check.of_scored, prepared.pixels, prediction
            )
        row["flags"] = list(flags)
        if explain:
            row["image"] = prepared.image
            row["map"] = await self._explain(
                prepared.pixels, prediction.decision
            )
        self._counters.count_image("scored", flags)
        return row

    def _prepare(self, data: bytes, explain: bool) -> _Prepared:
        try:
            decoded = self._predictor.decode(data)
            pixels = self._predictor.make_pixels(decoded)
        except ImportError as error:
            # Whoever serves can mend it, whoever asks cannot.
            raise errors.BadFile(
                "unsupported", "this service was installed without DICOM"
            ) from error
        flags: tuple[str, ...] = ()
        if self._check is not None:
            flags = self._check.of_film(decoded, pixels)
        image = None
        if explain:
            image = pictures.show_film(
                decoded.image, pixels, self._predictor.config
            )
        return _Prepared(pixels, flags, image)

    def _describe(self, prediction: predictor_lib.Prediction) -> dict[str, Any]:
        names = self._predictor.class_names
        return {
            "probabilities": dict(
                zip(names, prediction.probabilities.tolist())
            ),
            "calibrated": dict(zip(names, prediction.calibrated.tolist())),
            "decision": names[prediction.decision],
        }

    async def _explain(
        self, pixels: npt.NDArray[np.uint8], decision: int
    ) -> str | None:
        if self._predictor.maps is None:
            return None
        maps = await self._batcher.call(
            self._predictor.maps, pixels[np.newaxis], np.array([decision])
        )
        return await self.in_thread(pictures.show_map, maps[0])

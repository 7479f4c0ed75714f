"""One film after the other or many at once: from its bytes to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from concurrent import futures
import contextlib
import dataclasses
import os
from typing import Any
from typing import TypeVar

import numpy as np
from numpy import typing as npt

from inference import predictor as predictor_lib
from inference.serving import answers
from inference.serving import batching
from inference.serving import checking
from inference.serving import counters as counters_lib
from inference.serving import pictures
from inference.serving import uploads as uploads_lib
from xray_tfds.decode import errors
from xray_tfds.decode import quality

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
            os.cpu_count(), thread_name_prefix="decode"
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
            decoded, pixels = await self.in_thread(self._prepare, upload.data)
        except errors.BadFile as error:
            self._counters.count_image(error.reason)
            return row | {"error": str(error)}
        prediction = await self._batcher.submit(pixels)
        if not np.isfinite(prediction.calibrated).all():
            self._counters.count_image("no number")
            return row | {"error": "the network returned what is no number"}
        row |= self._describe(prediction)
        if self._check is not None:
            row["flags"] = list(
                await self.in_thread(self._check, decoded, pixels, prediction)
            )
        if explain:
            row |= await self._explain(decoded, pixels, prediction.decision)
        self._counters.count_image("scored", tuple(row["flags"]))
        return row

    def _prepare(
        self, data: bytes
    ) -> tuple[quality.Decoded, npt.NDArray[np.uint8]]:
        try:
            decoded = self._predictor.decode(data)
            return decoded, self._predictor.make_pixels(decoded)
        except MemoryError as error:
            raise answers.Refused(
                503, "There is too little memory now.", {"Retry-After": "1"}
            ) from error
        except ImportError as error:
            # Whoever serves can mend it, whoever asks cannot.
            raise errors.BadFile(
                "unsupported", "this service was installed without DICOM"
            ) from error

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
        self,
        decoded: quality.Decoded,
        pixels: npt.NDArray[np.uint8],
        decision: int,
    ) -> dict[str, Any]:
        activation_map = None
        if self._predictor.maps is not None:
            maps = await self._batcher.call(
                self._predictor.maps, pixels[np.newaxis], np.array([decision])
            )
            activation_map = maps[0]
        return await self.in_thread(
            pictures.show,
            decoded.image,
            pixels,
            activation_map,
            self._predictor.config,
        )

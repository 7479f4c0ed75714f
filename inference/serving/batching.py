"""Images that wait for one network are shown to it together.

Nothing waits for others to come: what came while the network was busy is the
next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
from concurrent import futures
from typing import Any
from typing import Generic
from typing import TypeVar

import numpy as np
from numpy import typing as npt

_Image = npt.NDArray[np.uint8]
_T = TypeVar("_T")
_R = TypeVar("_R")


class Batcher(Generic[_T]):
    """One network, in a thread of its own."""

    def __init__(
        self,
        predict: Callable[[npt.NDArray[np.uint8]], Sequence[_T]],
        *,
        batch_size: int,
        count: Callable[[int], object],
    ) -> None:
        """Takes a network, which is not asked before `run`.

        Args:
            predict: From uint8 `[n, height, width, channels]` to a result for
                each of them.
            batch_size: Most images at a time.
            count: Called with the size of each batch, in the network's thread.
        """
        self._predict = predict
        self._batch_size = batch_size
        self._count = count
        self._thread = futures.ThreadPoolExecutor(1, "network")
        self._waiting: asyncio.Queue[tuple[_Image, asyncio.Future[_T]]]
        self._waiting = asyncio.Queue()

    async def submit(self, image: _Image) -> _T:
        """Returns the result of an image, once its batch has been computed.

        An image that is not awaited any more is not computed.

        Args:
            image: uint8 `[height, width, channels]`.
        """
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((image, future))
        return await future

    async def call(self, function: Callable[..., _R], *args: Any) -> _R:
        """Returns what a function returns in the thread of the network."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *args)

    async def run(self) -> None:
        """Computes batches until it is cancelled."""
        try:
            while True:
                batch = [await self._waiting.get()]
                while len(batch) < self._batch_size and self._waiting.qsize():
                    batch.append(self._waiting.get_nowait())
                batch = [pair for pair in batch if not pair[1].done()]
                if batch:
                    await self._compute(batch)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _compute(
        self, batch: list[tuple[_Image, asyncio.Future[_T]]]
    ) -> None:
        images = [image for image, _ in batch]
        try:
            results = await self.call(self._compute_in_thread, images)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results):
            if not future.done():
                future.set_result(result)

    def _compute_in_thread(self, images: list[_Image]) -> Sequence[_T]:
        self._count(len(images))
        return self._predict(np.stack(images))

"""What waits is computed together; what is not awaited is not computed."""

import asyncio
import threading

import numpy as np
import pytest

from inference.serving import batching


class _Network:
    """Doubles images; its first batch waits to be let go."""

    def __init__(self, error=None):
        self.batches = []
        self.entered, self.go = threading.Event(), threading.Event()
        self._error = error

    def __call__(self, images):
        self.batches.append(images[:, 0, 0, 0].tolist())
        self.entered.set()
        assert self.go.wait(30)
        if self._error is not None and len(self.batches) == 2:
            raise self._error
        return [2 * int(image.max()) for image in images]


def _image(value):
    return np.full((2, 2, 1), value, np.uint8)


async def _submit_behind_the_first(network, batcher, values):
    """Returns tasks: one that is being computed, others that wait."""
    tasks = [asyncio.create_task(batcher.submit(_image(1)))]
    await asyncio.to_thread(network.entered.wait, 30)
    tasks += [asyncio.create_task(batcher.submit(_image(v))) for v in values]
    await asyncio.sleep(0)
    return tasks


def _run(network, scenario, counted=None):
    async def main():
        batcher = batching.Batcher(
            network,
            batch_size=3,
            count=(counted if counted is not None else []).append,
        )
        running = asyncio.create_task(batcher.run())
        try:
            return await scenario(batcher)
        finally:
            running.cancel()

    return asyncio.run(main())


def test_what_came_while_the_network_was_busy_is_a_batch():
    network, counted = _Network(), []

    async def scenario(batcher):
        tasks = await _submit_behind_the_first(network, batcher, range(2, 7))
        network.go.set()
        return await asyncio.gather(*tasks)

    assert _run(network, scenario, counted) == [2, 4, 6, 8, 10, 12]
    assert network.batches == [[1], [2, 3, 4], [5, 6]]
    assert counted == [1, 3, 2]


def test_image_that_is_not_awaited_is_not_computed():
    network = _Network()

    async def scenario(batcher):
        tasks = await _submit_behind_the_first(network, batcher, range(2, 6))
        tasks[0].cancel()  # Being computed: too late, and no harm.
        tasks[2].cancel()
        network.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = _run(network, scenario)
    assert results[1::2] == [4, 8] and results[4] == 10
    for result in results[:3:2]:
        assert isinstance(result, asyncio.CancelledError)
    assert [3] not in network.batches and 3 not in sum(network.batches, [])


def test_error_is_that_of_its_batch_alone():
    network = _Network(RuntimeError("defect"))

    async def scenario(batcher):
        tasks = await _submit_behind_the_first(network, batcher, range(2, 7))
        network.go.set()
        assert await tasks[0] == 2
        for task in tasks[1:4]:
            with pytest.raises(RuntimeError, match="defect"):
                await task
        return await asyncio.gather(*tasks[4:])

    assert _run(network, scenario) == [10, 12]


def test_function_is_called_in_the_thread_of_the_network():
    threads = []

    def predict(images):
        threads.append(threading.get_ident())
        return [0] * len(images)

    async def scenario(batcher):
        await batcher.submit(_image(1))
        threads.append(await batcher.call(threading.get_ident))

    _run(predict, scenario)
    assert threads[0] == threads[1] != threading.get_ident()

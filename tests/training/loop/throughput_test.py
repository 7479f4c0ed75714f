"""Rates of a training pass."""

from training.loop import throughput as throughput_lib


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_meter_tells_rate_waiting_and_time_left():
    clock = Clock()
    meter = throughput_lib.ThroughputMeter(clock)
    # 20 of the 100 were done by a process that is no more.
    meter.start(100, done=20)
    assert meter.images_per_second == 0 and meter.seconds_left is None
    for _ in range(4):
        with meter.waiting():
            clock.now += 0.5
        clock.now += 1.5
        meter.add(10)
    assert meter.seconds == 8
    assert meter.images_per_second == 5
    assert meter.input_wait_share == 0.25
    assert meter.seconds_left == 8
    meter.start(100)
    assert meter.done == 0 and meter.input_wait_share == 0


def test_stopped_meter_keeps_its_rates():
    clock = Clock()
    meter = throughput_lib.ThroughputMeter(clock)
    meter.start(10)
    with meter.waiting():
        clock.now += 1
    clock.now += 3
    meter.add(10)
    meter.stop()
    # A validation, the saving of a model.
    clock.now += 1000
    assert meter.seconds == 4
    assert meter.images_per_second == 2.5
    assert meter.input_wait_share == 0.25

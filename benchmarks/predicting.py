"""Files a second of `predict.py`, beside decoding and the network alone.

    python benchmarks/predicting.py --workdir=RUN [--number=600] FOLDER

The three are measured in turn in one process, so that whatever else the machine
does hits them alike. Prints medians, minima and maxima of all rounds, and the
rate as a share of the slower of the two. Where both compute on the same cores,
their times add up, and no program can do better than their sum: that is printed
as "both on the same cores". Processor time, of all threads, says the same where
other programs take the cores away.

With --paths=100000 it prints instead by how much memory grows from the first
thousand to the last of so many paths: the folder's files, again and again.
"""

import io
import itertools
import resource
import statistics
import time

from absl import app
from absl import flags
from absl import logging

from training import quiet_import

_WORKDIR = flags.DEFINE_string("workdir", None, "Of a run.", required=True)
_NUMBER = flags.DEFINE_integer("number", 600, "Files in a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "How often each is measured.")
_PATHS = flags.DEFINE_integer("paths", 0, "Measures memory over so many.")


def _inputs(paths, number):
    from inference import inputs

    return itertools.islice(map(inputs.Input, itertools.cycle(paths)), number)


def _decode(predictor, given):
    from xray_tfds import parallel

    def prepare(each):
        with open(each.path, "rb") as file:
            return predictor.prepare(file.read())

    return list(parallel.ordered_map(prepare, given))


def _seconds(function, *arguments):
    """Returns seconds by the clock, and of all processors."""
    start, busy = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - start, time.process_time() - busy


def _score(predictor, images):
    size = predictor.batch_size
    for start in range(0, len(images), size):
        predictor.predict(images[start : start + size])


def _predict(predictor, given, checking):
    from inference import prediction

    return sum(map(len, prediction.predict(predictor, given, checking)))


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure_memory(predictor, paths, checking):
    _predict(predictor, _inputs(paths, 1000), checking)
    before = _peak()
    start = time.perf_counter()
    done = _predict(predictor, _inputs(paths, _PATHS.value), checking)
    rate = done / (time.perf_counter() - start)
    print(
        f"{done} paths, {rate:.0f} a second: peak {before:.0f} MiB after the "
        f"first 1000, {_peak():.0f} MiB after all"
    )


def _measure_rates(predictor, paths, checking):
    import numpy as np

    number = _NUMBER.value
    images = np.stack(_decode(predictor, _inputs(paths, number)))
    _score(predictor, images)
    seconds: dict[str, list[tuple[float, float]]] = {
        "decoding alone": [],
        "the network alone": [],
        "predict": [],
    }
    for _ in range(_ROUNDS.value):
        for name, function, arguments in (
            ("decoding alone", _decode, [_inputs(paths, number)]),
            ("the network alone", _score, [images]),
            ("predict", _predict, [_inputs(paths, number), checking]),
        ):
            seconds[name].append(_seconds(function, predictor, *arguments))
    for name, values in seconds.items():
        spent, worked = zip(*values)
        low, middle, high = (
            number / f(spent) for f in (max, statistics.median, min)
        )
        print(
            f"{name:18} {middle:7.0f} a second ({low:.0f} to {high:.0f}), "
            f"{1e3 * statistics.median(worked) / number:.2f} ms of processor "
            "time each"
        )
    clock, busy = (
        list(
            zip(*([each[i] for each in values] for values in seconds.values()))
        )
        for i in range(2)
    )
    for name, bound, rounds in (
        ("the slower", max, clock),
        ("both on the same cores", sum, clock),
        ("both, in processor time", sum, busy),
    ):
        shares = [bound(each[:2]) / each[2] for each in rounds]
        print(
            f"predict as a share of {name}: {statistics.median(shares):.0%} "
            f"({min(shares):.0%} to {max(shares):.0%})"
        )


def main(argv):
    quiet_import.import_tensorflow()
    logging.set_verbosity(logging.ERROR)
    from inference import inputs
    from inference import prediction
    from inference import predictor as predictor_lib
    from inference import reference_fit
    from inference import runs

    predictor = predictor_lib.open_predictor(_WORKDIR.value)
    checking = prediction.Checking(
        reference=reference_fit.open_reference(runs.open_run(_WORKDIR.value))
    )
    paths = [each.path for each in inputs.expand(argv[1:], io.BytesIO())]
    measure = _measure_memory if _PATHS.value else _measure_rates
    measure(predictor, paths, checking)


if __name__ == "__main__":
    app.run(main)

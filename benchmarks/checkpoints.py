"""What a checkpoint costs a run: seconds of waiting and of disk, and memory.

    python benchmarks/checkpoints.py [--models=residual,ResNet152] [--repeats=5]

Builds each network with AdamW and averages of its weights, without published
weights, and writes checkpoints of it as a run does. "The run waits" is until it
may take its next step, "written" is until the checkpoint is on the disk: a run
that wrote it by itself would wait so long. Medians, minima and maxima. Memory
is the most that is resident above what there was before; one copy of the arrays
is as large in memory as on the disk.
"""

import os
import pathlib
import statistics
import tempfile
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import psutil  # noqa: E402

from training import config as config_lib  # noqa: E402
from training import model as model_lib  # noqa: E402
from training.checkpoint import policy as policy_lib  # noqa: E402
from training.checkpoint import state as state_lib  # noqa: E402
from training.loop import early_stopping  # noqa: E402
from training.loop import epoch_metrics  # noqa: E402
from training.model import averaging  # noqa: E402
from training.model import optimizers  # noqa: E402

_MODELS = flags.DEFINE_list(
    "models", ["residual", "ResNet152"], "Networks, as of train.py --model."
)
_REPEATS = flags.DEFINE_integer("repeats", 5, "How many.", lower_bound=1)
_IMAGE_SHAPE = (64, 64, 1)
_SAMPLE_SECONDS = 0.01


class _PeakMemory:
    """Context that follows the resident memory of this process.

    Attributes:
        mib: The highest above that at entry, in MiB.
    """

    def __enter__(self):
        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self.mib = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self):
        while not self._done.wait(_SAMPLE_SECONDS):
            above = self._process.memory_info().rss - self._start
            self.mib = max(self.mib, above / 2**20)

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()


def _build(name):
    """Returns a network and its averages, as a run has them."""
    model = model_lib.build_model(name, _IMAGE_SHAPE, 2, rescale=1 / 255)
    optimizer = optimizers.build_optimizer(
        "adamw", learning_rate=1e-3, weight_decay=0.01
    )
    model_lib.compile_model(model, optimizer)
    return model, averaging.WeightAverages(model, 0.999)


def _measure(name):
    """Returns a row of the table."""
    model, averages = _build(name)
    state = state_lib.TrainState(
        epoch=0,
        progress=epoch_metrics.Progress(num_examples=1000, batch_size=32),
        early_stopping=early_stopping.EarlyStopping("val_auc"),
        records=[],
        identity={},
    )
    waited, written = [], []
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory)
        policy = policy_lib.CheckpointPolicy(
            config_lib.TrainConfig(), path, model, averages
        )
        with _PeakMemory() as memory, policy:
            for _ in range(_REPEATS.value):
                start = time.perf_counter()
                policy.save(state)
                waited.append(time.perf_counter() - start)
                policy.wait()
                written.append(time.perf_counter() - start)
        size = max(p.stat().st_size for p in path.glob("*/*/arrays.npz"))
    columns = [
        name,
        f"{size / 2**20:.0f}",
        *map(_seconds, (written, waited)),
        f"{memory.mib:.0f}",
    ]
    return "| " + " | ".join(columns) + " |"


def _seconds(values):
    return (
        f"{statistics.median(values):.2f} "
        f"({min(values):.2f} to {max(values):.2f})"
    )


def main(argv):
    del argv  # Unused.
    print(
        "| network | MiB | written after, s | the run waits, s "
        "| memory, MiB |\n|---|---|---|---|---|"
    )
    for name in _MODELS.value:
        print(_measure(name), flush=True)


if __name__ == "__main__":
    app.run(main)

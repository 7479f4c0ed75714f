"""What every test shares: three logical CPUs, image trees, prepared records."""

import os
import signal
import sys
import tempfile

# Before TensorFlow is imported anywhere: no start-up chatter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

from tests.helpers import image_trees  # noqa: E402
from tests.helpers import report_inputs  # noqa: E402
import xray_tfds  # noqa: E402

# What these send, read or fill is there on Linux alone: signals to others,
# /proc, /dev/full, named pipes, limits of a process.
_LINUX_ONLY = (
    "inference/serving/page_test.py",
    "inference/serving/program_test.py",
    "training/checkpoint/kill_test.py",
    "training/checkpoint/store_test.py",
    "training/cluster/channel_test.py",
    "training/cluster/guard_test.py",
    "training/cluster/multi_worker_test.py",
    "training/keras_settings_test.py",
    "training/launch_test.py",
    "training/output_test.py",
    "training/sweep/study_test.py",
    "training/sweep/trials_test.py",
    "xray_tfds/records/replacing_test.py",
    "xray_tfds/source/odd_files_test.py",
)
# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

collect_ignore = [] if sys.platform == "linux" else list(_LINUX_ONLY)


def pytest_configure():
    # A shell ignores them for what it starts in the background, as nohup does,
    # and processes that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):  # Not on Windows.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Logical CPUs stand in for GPUs. TensorFlow refuses this once its
    # devices are in use, so it happens before any test is collected.
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 3
    )


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory):
    """Keeps what libraries and killed programs leave where pytest clears up."""
    folder = str(tmp_path_factory.mktemp("temporary"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", folder)
        patched.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture
def rng():
    """A generator of each test's own: other tests do not change its numbers."""
    return np.random.default_rng(5)


@pytest.fixture(scope="session")
def image_tree(tmp_path_factory):
    """A folder with given splits, 70 images: sizes that no batch divides."""
    root = tmp_path_factory.mktemp("images") / "tree"
    counts = {"train": (23, 18), "validation": (9, 8), "test": (7, 5)}
    for split, (normal, pneumonia) in counts.items():
        names = [
            f"{split}/normal/IM-{number:04}-0001.jpeg"
            for number in range(normal)
        ] + [
            f"{split}/pneumonia/person{number}_virus_{number}.jpeg"
            for number in range(pneumonia)
        ]
        seed = len(split)
        # A patient of its own for every image, whatever its split.
        names = [
            name.replace("IM-", f"IM-{seed}").replace(
                "person", f"person{seed}0"
            )
            for name in names
        ]
        image_trees.write_images(root, names, seed=seed)
    return root


@pytest.fixture(scope="session")
def prepared(image_tree, tmp_path_factory):
    """Directory of records of `image_tree`, 32x32 grey."""
    builder = xray_tfds.prepare(
        image_tree, tmp_path_factory.mktemp("records"), image_size=(32, 32)
    )
    return builder.data_dir


@pytest.fixture(scope="session")
def rows(image_tree):
    """Rows of `files.csv`, for tests of the build report."""
    return report_inputs.measure_rows(image_tree)


@pytest.fixture
def dataset(prepared, tmp_path):
    """A copy of prepared records, to write a `build_report` into."""
    return report_inputs.copy_records(prepared, tmp_path / "1.0.0")

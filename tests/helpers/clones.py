"""A folder that looks like a clone, where the commands of pages are run."""

import contextlib
import shutil
import socket
import subprocess

import numpy as np

from tests.helpers import dicom_files
from tests.helpers import image_trees
from tests.helpers import pages
from tests.helpers import processes
from tests.helpers import warm_python

# What pages begin with, and what makes it small. A later option wins.
_SMALLER = (
    ("python -m xray_tfds.sample", " --num_images=36"),
    ("python train.py", " --epochs=1"),
    ("python -m training.", " --epochs=1"),
)
_SAMPLE = "python -m xray_tfds.sample data/sample"
# What pages rely on that do not begin with it themselves.
_BEFORE = (
    _SAMPLE,
    "python train.py --flagfile=recipes/lesson.flags --images_dir=data/sample "
    "--workdir=runs/lesson",
)
# What another page may have done already, so that it is done once.
_ONCE = ("python ", "tfds ")
_PORT = "localhost:8000"


class Clone:
    """Runs what the pages show, each command once.

    Attributes:
        root: The folder, with the programs of this repository.
    """

    def __init__(self, root):
        self.root = root
        self._environment = warm_python.environment() | {
            # A clone is installed.
            "PYTHONPATH": str(processes.ROOT),
            # The key that patients are hashed with stays here.
            "HOME": str(root),
        }
        self._done = set()

    def run_shell(self, text, port=None):
        """Runs the commands of a block.

        Args:
            text: The commands.
            port: Of a program in the background, in the place of 8000.
        """
        lines = []
        for command in pages.commands(text):
            if command in self._done:
                continue
            if command.startswith(_ONCE) and "--help" not in command:
                self._done.add(command)
            lines.append(_make_smaller(command))
        script = "\n".join(lines)
        if port is not None:
            script = script.replace(_PORT, f"localhost:{port}")
        self._run("sh", "-ec", script)

    def run_python(self, text):
        """Runs the code of blocks, in the folder."""
        self._run("python", "-", text=text)

    @contextlib.contextmanager
    def in_background(self, text):
        """Starts a service, and gives its port while the block runs."""
        (command,) = pages.commands(text)
        (port,) = processes.free_ports(1)
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command} --port={port}"],
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.DEVNULL,
        )

        def answers():
            assert process.poll() is None, "the service has ended"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 60).close()
                return True

        try:
            processes.wait_until(answers)
            yield port
        finally:
            process.terminate()
            process.wait()

    def _run(self, *command, text=None):
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self._environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=1800,  # As that of `programs`.
        )
        assert (
            result.returncode == 0
        ), f"{command[-1]}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"


def make_clone(root):
    """Returns a clone in an empty folder, with the images of the pages."""
    for name in ("train", "evaluate", "predict", "export", "serve"):
        (root / f"{name}.py").symlink_to(processes.ROOT / f"{name}.py")
    (root / "recipes").symlink_to(processes.ROOT / "recipes")
    clone = Clone(root)
    for command in _BEFORE:
        clone.run_shell(command)
    _write_images(root / "my", root / "data" / "sample")
    return clone


def _make_smaller(command):
    for beginning, options in _SMALLER:
        if command.startswith(beginning) and "--help" not in command:
            return command + options
    return command


def _write_images(mine, sample):
    """Writes what the pages call the images of their reader."""
    shutil.copytree(sample, mine / "xrays")
    (mine / "films").mkdir()
    films = sorted((sample / "test").rglob("*.jpeg"))[:2]
    for name, film in zip(("film.jpeg", "other.jpeg"), films, strict=True):
        shutil.copy(film, mine / "films" / name)
    shutil.copy(films[0], mine.parent / "film.jpeg")
    names = [path.name for path in sample.rglob("*.jpeg")]
    rows = [f"{name},{number % 2}" for number, name in enumerate(names)]
    (mine / "slices.csv").write_text("\n".join(["filename,scanner", *rows]))

    labels = ("normal", "pneumonia")
    for seed, (folder, classes) in enumerate(
        {
            "scans": labels,
            "clinic": labels,
            "classes": ("clear", "bacterial", "viral"),
        }.items()
    ):
        image_trees.write_images(
            mine / folder,
            [
                f"{label}/p-{12 * place + i // 2}_{i % 2}.png"
                for place, label in enumerate(classes)
                for i in range(12)
            ],
            seed=seed,
        )
    scans = [
        path.relative_to(mine / "scans") for path in mine.rglob("scans/*/*")
    ]
    rows = [
        f"{path.as_posix()},p-{i // 2}" for i, path in enumerate(sorted(scans))
    ]
    (mine / "patients.csv").write_text("\n".join(["filename,patient", *rows]))
    for number in range(24):
        label = labels[number % 2]
        path = mine / "dicom" / label / f"{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_dicom(number))


def _dicom(number):
    rng = np.random.default_rng([number, 5])
    values = rng.integers(0, 4096, (40, 56)).astype(np.uint16)
    return dicom_files.written(
        dicom_files.dataset(values, PatientID=f"ID-{number}")
    )

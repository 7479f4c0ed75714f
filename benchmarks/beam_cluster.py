"""Builds records on a cluster of processes, kills one, and compares bytes.

    pip install distributed
    python benchmarks/beam_cluster.py [--images_dir=DIR]

Builds a folder here; then by Beam's Dask runner on a local `distributed`
cluster of two worker processes; then there once more, while one of them gets
SIGKILL as soon as findings of the first films are written, and again as soon as
the first shard is to be. Prints a row of Markdown for each: seconds by the
clock, kills, bytes of files that this process wrote for workers or read from
them, for each film (what else passes through it are a few numbers), and whether
every file is that of the local build. Exits with 1 unless all are.
"""

from collections.abc import Sequence
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
from apache_beam.options import pipeline_options  # noqa: E402
from apache_beam.runners.dask import dask_runner  # noqa: E402
import dask  # noqa: E402
import distributed  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

import xray_tfds  # noqa: E402
from xray_tfds import sample  # noqa: E402
from xray_tfds.records import beam  # noqa: E402

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir", None, "Folder of images; the synthetic sample if left out."
)
_NUM_WORKERS = 2
_NUM_FILMS = 300

# What passes through the driver; examples do not.
_PREFIXES = ("files-", "findings-", "shard-")
_SECONDS = 0.01

# Else a local cluster gives up a worker that takes 15 s to start again.
_RESTART = {"distributed.deploy.lost-worker-timeout": "10 minutes"}


def _build(images, data_dir, **options):
    """Returns name -> content of all files, and the number of films."""
    builder = xray_tfds.Builder(data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=images, num_shards=4, **options
        )
    )
    records = pathlib.Path(builder.data_dir)
    return {
        str(path.relative_to(records)): path.read_bytes()
        for path in records.rglob("*")
        if path.is_file()
    }, int(builder.info.metadata["num_files"])


class _Killer(threading.Thread):
    """Kills a worker when a file of each of some names is there."""

    def __init__(self, cluster, data_dir, prefixes):
        super().__init__(daemon=True)
        self._cluster, self._data_dir = cluster, data_dir
        self._prefixes = list(prefixes)
        self.num_kills = 0
        self.start()

    def run(self):
        while self._prefixes:
            found = self._data_dir.glob(
                f"*/*/incomplete.*/{self._prefixes[0]}*"
            )
            if next(found, None) is None:
                time.sleep(_SECONDS)
                continue
            del self._prefixes[0]
            nannies = list(self._cluster.workers.values())
            os.kill(nannies[self.num_kills % _NUM_WORKERS].pid, signal.SIGKILL)
            self.num_kills += 1


def _build_on_cluster(images, data_dir, prefixes):
    """As `_build`, with the kills and the bytes of the driver's files."""
    sizes = {}
    write_shards = beam.write_shards

    def note_sizes(shards, examination, writer, beam_options):
        write_shards(shards, examination, writer, beam_options)
        for path in beam_options.folder.iterdir():
            if path.name.startswith(_PREFIXES):
                sizes[path.name] = path.stat().length

    beam.write_shards = note_sizes
    try:
        with dask.config.set(_RESTART), distributed.LocalCluster(
            n_workers=_NUM_WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            killer = _Killer(cluster, data_dir, prefixes)
            files, number = _build(
                images,
                data_dir,
                beam_runner=dask_runner.DaskRunner(),
                beam_options=pipeline_options.PipelineOptions(
                    [
                        f"--dask_client_address={cluster.scheduler_address}",
                        "--dask_partition_size=1",
                    ]
                ),
            )
    finally:
        beam.write_shards = write_shards
    return files, killer.num_kills, sum(sizes.values()) / number


def main(argv: Sequence[str]) -> None:
    del argv  # Unused.
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        images = _IMAGES_DIR.value or os.path.join(root, "images")
        if _IMAGES_DIR.value is None:
            sample.write_sample(images, num_images=_NUM_FILMS)
        local, number = _build(images, folder / "local")
        rows, is_equal = [], True
        for name, prefixes in (
            ("two workers", ()),
            ("one killed in each pass", ("findings-", "shard-")),
        ):
            start = time.monotonic()
            files, num_kills, num_bytes = _build_on_cluster(
                images, folder / name, prefixes
            )
            seconds = time.monotonic() - start
            differ = sorted(
                path
                for path in {*local, *files}
                if local.get(path) != files.get(path)
            )
            is_equal &= not differ and num_kills == len(prefixes)
            rows.append(
                f"| {name} | {number} | {seconds:.0f} | {num_kills} |"
                f" {num_bytes:.0f} | {', '.join(differ) or 'equal'} |"
            )
    print("| build | films | seconds | kills | bytes a film | files |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows), flush=True)
    sys.exit(not is_equal)


if __name__ == "__main__":
    app.run(main)

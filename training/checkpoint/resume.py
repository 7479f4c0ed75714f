"""Whether a run begins or is resumed, and where.

The chief alone reads and writes the run's directory; the other workers, which
need not see it, get the checkpoint from the chief.
"""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
import datetime
import json
import pathlib
import typing
from typing import Any

import numpy as np

from training import config as config_lib
from training.checkpoint import store as store_lib
from training.checkpoint import validation
from training.workdir import directory as directory_lib
from training.workdir import files
from training.workdir import run_record

if typing.TYPE_CHECKING:
    from training.cluster import channel as channel_lib

# What has changed where the fingerprint of the images has.
DATA = "the images, labels or splits of the dataset"

# What decides when a pass or a run ends, and is no part of the identity: a
# worker that ends first leaves the others waiting for it.
_COURSE = ("epochs", "early_stopping_patience", "steps_per_execution")


@dataclasses.dataclass(frozen=True)
class Start:
    """How a run starts, the same on all workers but for the directory.

    Attributes:
        directory: Of the run; None where nothing is written.
        identity: The settings and the fingerprint of the images, by which it is
            known whether another run is the same.
        checkpoint: To resume from; None to begin.
        changed: What of the identity is another than the checkpoint's, by name,
            because the user has forced it.
        is_finished: Whether the run was finished, and nothing is left to do.
        notices: Lines for the user.
    """

    directory: directory_lib.RunDirectory | None
    identity: dict[str, Any]
    checkpoint: store_lib.Checkpoint | None = None
    changed: tuple[str, ...] = ()
    is_finished: bool = False
    notices: tuple[str, ...] = ()


def start_run(
    config: config_lib.TrainConfig,
    fingerprint: str,
    channel: channel_lib.Channel,
) -> Start:
    """Opens the directory of the run and finds out where to start.

    Args:
        config: Of the run.
        fingerprint: Of the images, as `Inputs.fingerprint` returns it.
        channel: To the other workers.

    Raises:
        ValueError: If the directory cannot be used, or its run is another one
            than this and `resume` does not force it.
        StorageError: If no checkpoint of the run can be read.
    """
    identity = {
        "settings": config_lib.settings_of(config),
        "data": fingerprint,
    }
    # JSON makes lists of tuples, which are to be equal.
    identity = json.loads(json.dumps(identity))
    course = {name: getattr(config, name) for name in _COURSE}
    channel.agree("the options", json.dumps([identity["settings"], course]))
    channel.agree("the images", fingerprint)
    if not channel.is_chief:
        return _receive(channel, identity)
    directory = _open(config, identity)
    try:
        start = _find_start(config, identity, directory)
    except BaseException:
        directory.close()
        raise
    _send(channel, start)
    return start


def _open(
    config: config_lib.TrainConfig, identity: Mapping[str, Any]
) -> directory_lib.RunDirectory:
    def matches(run: Mapping[str, Any]) -> bool:
        return not _compare(run, identity)

    return directory_lib.open_directory(
        config.workdir, matches=matches, resume=config.resume
    )


def _find_start(
    config: config_lib.TrainConfig,
    identity: dict[str, Any],
    directory: directory_lib.RunDirectory,
) -> Start:
    run = directory.run
    if run is None:
        now = datetime.datetime.now().astimezone()
        begun = {"begun": now.isoformat(timespec="seconds"), "finished": None}
        directory.update_run(identity | begun)
        return Start(directory, identity, notices=directory.notices)
    changes = _compare(run, identity)
    if changes and config.resume != "force":
        raise ValueError(_refusal(directory.path, changes))
    store = store_lib.CheckpointStore(directory.path / files.CHECKPOINTS_DIR)
    checkpoint, damaged = store.newest(validation.check)
    if changes:
        directory.update_run(identity)
    if checkpoint is not None:
        # A forced run may have been ended before its first checkpoint:
        # what counts is what that was made with.
        changes = _compare(checkpoint.state, identity)
    return Start(
        directory,
        identity,
        checkpoint,
        changed=tuple(line.partition(":")[0] for line in changes),
        is_finished=not changes and run_record.is_finished(run, config),
        notices=(
            *directory.notices,
            *(f"Skipped a damaged checkpoint: {line}" for line in damaged),
            *(f"Changed by force: {line}" for line in changes),
        ),
    )


def _compare(
    before: Mapping[str, Any], identity: Mapping[str, Any]
) -> list[str]:
    """Returns a line for each thing that is not as it was."""
    changes = config_lib.describe_changes(
        before["settings"], identity["settings"]
    )
    if before["data"] != identity["data"]:
        changes.append(DATA)
    return changes


def _refusal(path: pathlib.Path, changes: list[str]) -> str:
    lines = "".join(f"\n    {line}" for line in changes)
    return (
        f"The run in {path} was begun with others of these:{lines}\n"
        "Resume it with these changed by --resume=force, or begin a new run in "
        "a new directory by --resume=never."
    )


def _send(channel: channel_lib.Channel, start: Start) -> None:
    """Tells the other workers how the run starts.

    Each array by itself: a copy of one is not much.
    """
    checkpoint = start.checkpoint
    header: dict[str, Any] = {
        "changed": start.changed,
        "is_finished": start.is_finished,
        "state": None,
    }
    if checkpoint is not None:
        header["state"] = checkpoint.state
        header["arrays"] = [
            (name, array.dtype.str, array.shape)
            for name, array in checkpoint.arrays.items()
        ]
    channel.broadcast(json.dumps(header).encode())
    if checkpoint is not None:
        for array in checkpoint.arrays.values():
            channel.broadcast(array.tobytes())


def _receive(channel: channel_lib.Channel, identity: dict[str, Any]) -> Start:
    """Returns what `_send` sent, on another worker."""
    header = json.loads(channel.broadcast(None))
    checkpoint = None
    if header["state"] is not None:
        arrays = {
            name: np.frombuffer(channel.broadcast(None), dtype).reshape(shape)
            for name, dtype, shape in header["arrays"]
        }
        checkpoint = store_lib.Checkpoint(arrays, header["state"])
    changed = tuple(header["changed"])
    return Start(None, identity, checkpoint, changed, header["is_finished"])

"""Whether a run begins or goes on, and where.

The chief alone reads and writes the run's directory; the other workers, which
need not see it, get the checkpoint from the chief.
"""

import dataclasses
import datetime
import json

from training import config as config_lib
from training.checkpoint import store as store_lib
from training.workdir import directory as directory_lib
from training.workdir import files

# What has changed where the fingerprint of the images has.
DATA = "the images or labels of the dataset"


@dataclasses.dataclass(frozen=True)
class Start:
    """How a run starts, the same on all workers but for the directory.

    Attributes:
        directory: `directory.RunDirectory`; None where nothing is written.
        identity: Dict of the settings and of the fingerprint of the images, by
            which it is known whether another run is the same.
        checkpoint: `store.Checkpoint` to go on from; None to begin.
        changed: What of the identity is another than the checkpoint's, by name,
            because the user has forced it.
        is_finished: Whether the run was finished, and nothing is left to do.
        notices: Lines for the user.
    """

    directory: directory_lib.RunDirectory | None
    identity: dict
    checkpoint: store_lib.Checkpoint | None = None
    changed: tuple[str, ...] = ()
    is_finished: bool = False
    notices: tuple[str, ...] = ()


def begin(config, fingerprint, channel):
    """Opens the directory of the run and finds out where to start.

    Args:
        config: `TrainConfig`.
        fingerprint: Of the images, as `Inputs.fingerprint` returns it.
        channel: `channel.Channel` to the other workers.

    Returns:
        A `Start`.

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
    channel.agree("the options", json.dumps(identity["settings"]))
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


def _open(config, identity):
    def matches(run):
        return all(run.get(name) == identity[name] for name in identity)

    return directory_lib.open_directory(
        config.workdir, matches=matches, resume=config.resume
    )


def _find_start(config, identity, directory):
    run = directory.run
    if run is None:
        now = datetime.datetime.now().astimezone()
        begun = {"begun": now.isoformat(timespec="seconds"), "finished": None}
        directory.write_run({**identity, **begun})
        return Start(directory, identity)
    changes = _compare(run, identity)
    if changes and config.resume != "force":
        raise ValueError(_refusal(directory.path, changes))
    store = store_lib.CheckpointStore(directory.path / files.CHECKPOINTS_DIR)
    checkpoint, damaged = store.newest()
    if changes:
        directory.write_run({**run, **identity})
    if checkpoint is not None:
        # A run that was forced may have been ended before its first checkpoint:
        # what counts is what that was made with.
        changes = _compare(checkpoint.state, identity)
    return Start(
        directory,
        identity,
        checkpoint,
        changed=tuple(line.partition(":")[0] for line in changes),
        is_finished=not changes and _is_finished(run["finished"], config),
        notices=tuple(
            [f"Passed over a damaged checkpoint: {line}" for line in damaged]
            + [f"Changed by force: {line}" for line in changes]
        ),
    )


def _compare(before, identity):
    """Returns a line for each thing that is not as it was."""
    changes = config_lib.describe_changes(
        before["settings"], identity["settings"]
    )
    if before["data"] != identity["data"]:
        changes.append(DATA)
    return changes


def end_of(config):
    """Returns what `run["finished"]` says of a run that has come to its end."""
    return [config.epochs, config.early_stopping_patience]


def _is_finished(finished, config):
    """Whether a run that ended as `end_of` said has nothing left to do."""
    if finished is None:
        return False
    epochs, patience = finished
    return (
        config.epochs <= epochs and config.early_stopping_patience == patience
    )


def _refusal(path, changes):
    lines = "".join(f"\n    {line}" for line in changes)
    return (
        f"The run in {path} was begun with others of these:{lines}\n"
        "Go on with them changed by --resume=force, or begin a new run in a "
        "new directory by --resume=never."
    )


def _send(channel, start):
    """Tells the other workers how the run starts."""
    header = json.dumps(
        {
            "changed": start.changed,
            "is_finished": start.is_finished,
            "has_checkpoint": start.checkpoint is not None,
        }
    ).encode()
    channel.broadcast(header)
    if start.checkpoint is not None:
        channel.broadcast(start.checkpoint.to_bytes())


def _receive(channel, identity):
    """Returns what `_send` told, on another worker."""
    header = json.loads(channel.broadcast(None))
    checkpoint = None
    if header["has_checkpoint"]:
        data = channel.broadcast(None)
        checkpoint = store_lib.Checkpoint.from_bytes(data)
    return Start(
        None,
        identity,
        checkpoint,
        tuple(header["changed"]),
        header["is_finished"],
    )

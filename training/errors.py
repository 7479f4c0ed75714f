"""What ends a run for good reasons, and the exit statuses of a process.

| status | |
|---|---|
| 0 | finished |
| 2 | something is wrong with an option, the data or the work directory |
| 3 | the loss, or a weight, is not a number |
| 4 | files of the run, or records, could not be written or read |
| 5 | finished, but standard output could not be written to; for `predict.py`,
  whose result that is: ended when it could not |
| 6 | `predict.py`: some of the inputs could not be scored, their rows say why |
| 7 | `predict.py`: none of the inputs could be scored |
| 76 | another worker has ended (`training.cluster`) |
| 128 + n | signal n ended it; after SIGTERM and SIGINT with a checkpoint |
"""

OUTPUT_LOST_STATUS = 5
SOME_NOT_SCORED_STATUS = 6
NONE_SCORED_STATUS = 7
WORKER_LOST_STATUS = 76


class TrainingError(Exception):
    """A run cannot go on. Its text says what happened and what to do.

    Attributes:
        status: The exit status of the process.
    """

    status = 1


class WorkerLostError(TrainingError):
    """Another worker has ended, or does not answer."""

    status = WORKER_LOST_STATUS


class NotFiniteError(TrainingError):
    """The loss or a weight is NaN or infinite."""

    status = 3


class StorageError(TrainingError):
    """The files of a run cannot be written, or not be read again."""

    status = 4


def first_line(error: BaseException) -> str:
    """Returns the first line of what a library says, without its full stop.

    At most 200 characters; the error's class where it says nothing.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")[:200]

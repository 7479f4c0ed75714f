"""What becomes of damaged files: mutants of every format, decoded or refused.

    python benchmarks/mutations.py [--number=2000] [--seed=0]

Prints a table by mutation: how many files were decoded, how many refused and
why, and what went wrong:

- lost: a good file, of the same pixels under another name, with other metadata
  or with bytes appended, was refused or came out differently;
- missed: a file that cannot be good, or that PIL or pydicom refuses, was
  decoded;
- crash, hang: something other than a `BadFile` was raised, the process died, or
  it took longer than `--limit` seconds.

Exits with 1 if anything went wrong. Needs the extra `dicom`.
"""

import collections
import dataclasses
import multiprocessing
import pathlib
import tempfile
import warnings

from absl import app
from absl import flags
import damage
import mutants
import tqdm

_NUMBER = flags.DEFINE_integer("number", 2000, "How many files.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Equal seeds make equal files.")
_LIMIT = flags.DEFINE_float("limit", 10.0, "Seconds after which it hangs.")

_TITLES = (
    *("mutation", "files", "decoded", "refused", "lost", "missed"),
    *("crash or hang", "slowest (ms)"),
)

# Extension that tells nothing: all but one of the formats have another.
_WRONG_EXTENSION = ".bmp"


def _serve(connection):
    """Judges the mutants that come in, until there are no more."""
    warnings.simplefilter("ignore")  # PIL and pydicom comment on bad files.
    while (mutant := connection.recv()) is not None:
        connection.send(mutants.judge(mutant))


class _Worker:
    """A process that may die or hang, and is then replaced."""

    def __init__(self):
        self._start()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other,), daemon=True
        )
        self._process.start()
        other.close()

    def judge(self, mutant, limit):
        """Returns the verdict, whatever happens to the process."""
        try:
            self._connection.send(mutant)
            if self._connection.poll(limit):
                return self._connection.recv()
            outcome = "hang"
        except (EOFError, OSError):
            outcome = "crash: the process died"
        self._process.kill()
        self._process.join()
        self._start()
        self.judge(_first(), None)  # Wait for its imports.
        return mutants.Verdict(outcome, outcome.split(":")[0], limit)

    def close(self):
        """Ends the process."""
        self._connection.send(None)
        self._process.join()


def _first():
    return next(mutants.make(1, 0))


def _through_disk(mutant, folder, index):
    """Returns the mutant as read from a file with some extension."""
    extension = "." + mutant.format.split(",", maxsplit=1)[0].lower()
    if mutant.mutation == "wrong extension":
        extension = _WRONG_EXTENSION
    path = folder / f"{index}{extension}"
    path.write_bytes(mutant.data)
    data = path.read_bytes()
    path.unlink()
    return dataclasses.replace(mutant, data=data)


def _row(name, verdicts):
    outcomes = collections.Counter(verdict.outcome for verdict in verdicts)
    decoded = outcomes.pop("decoded", 0)
    refused = ", ".join(
        f"{count} {reason}" for reason, count in outcomes.most_common()
    )
    faults = collections.Counter(verdict.fault for verdict in verdicts)
    columns = [
        name,
        len(verdicts),
        decoded,
        refused,
        faults["lost"] + faults["changed"],
        faults["missed"],
        faults["crash"] + faults["hang"],
        f"{1000 * max(verdict.seconds for verdict in verdicts):.0f}",
    ]
    return "| " + " | ".join(map(str, columns)) + " |"


def main(argv):
    """Makes, judges and counts the mutants."""
    del argv
    verdicts = collections.defaultdict(list)
    worker = _Worker()
    worker.judge(_first(), None)  # Not counted: the process is starting.
    with tempfile.TemporaryDirectory() as folder:
        files = mutants.make(_NUMBER.value, _SEED.value)
        for index, mutant in enumerate(tqdm.tqdm(files, total=_NUMBER.value)):
            mutant = _through_disk(mutant, pathlib.Path(folder), index)
            verdict = worker.judge(mutant, _LIMIT.value)
            verdicts[mutant.mutation].append(verdict)
            if verdict.fault:
                print(mutant.mutation, mutant.format, verdict, sep="; ")
    worker.close()
    print("| " + " | ".join(_TITLES) + " |\n|" + "---|" * len(_TITLES))
    for name in damage.MUTATIONS:
        if verdicts[name]:
            print(_row(name, verdicts[name]))
    everything = sum(verdicts.values(), [])
    print(_row("all", everything))
    return int(any(verdict.fault for verdict in everything))


if __name__ == "__main__":
    app.run(main)

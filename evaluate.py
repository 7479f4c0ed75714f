"""Turns a trained run into evidence: what it reaches, and how sure that is.

    python evaluate.py --workdir=runs/RUN
    python evaluate.py --workdir=runs/RUN --images_dir=films/of/another/clinic
    python evaluate.py --workdir=runs/RUN --split=test --final
    python evaluate.py --workdir=runs/RUN --model=EXPORT

Writes metrics.json, scores.csv, report.html and model_card.md.

Each option is a field of `inference.config.EvaluateConfig`, the work is that of
`inference.evidence`. What is wrong with an option is reported before TensorFlow
loads. The exit status is one of `training.errors`.
"""

from __future__ import annotations

import sys

from absl import app
from absl import flags
from absl import logging

from inference import config as config_lib
from training import errors
from training import output
from training import quiet_import
from training.config import flags as flags_lib


def main(argv: list[str]) -> int:
    """Evaluates as the flags say; returns the exit status."""
    if len(argv) > 1:
        return _fail(f"Options begin with --. Received: {' '.join(argv[1:])}")
    try:
        given = flags_lib.read_given(flags.FLAGS, config_lib.OPTIONS)
        config = config_lib.make(given)
        quiet_import.import_tensorflow()
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)
        # What needs TensorFlow: a mistyped flag does not wait for it.
        from inference import evidence

        evidence.evaluate(config)
    except (ValueError, errors.TrainingError) as error:
        return _fail(error, getattr(error, "status", 2))
    except OSError as error:
        # A file that may not be read, as a rule; the error names it.
        return _fail(error, errors.StorageError.status)
    except KeyboardInterrupt:
        return _fail(
            "Interrupted. What a ledger has noted by now counts.", status=130
        )
    return 0


def _parse_flags(argv: list[str]) -> list[str]:
    about = (__doc__ or "").split("\n\nEach option")[0]
    return flags_lib.parse(argv, flags, about=about, groups=config_lib.GROUPS)


def _fail(error: object, status: int = 2) -> int:
    print(f"evaluate.py: {error}", file=sys.stderr)
    return status


flags_lib.define(flags, config_lib.OPTIONS)

if __name__ == "__main__":
    with output.surviving():
        app.run(main, flags_parser=_parse_flags)

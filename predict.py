"""Scores films by a trained run or an export: a row for each, in order.

    python predict.py --workdir=runs/RUN film.jpeg films/ 'more/*.dcm'
    find /films -print0 | python predict.py --workdir=runs/RUN - > scores.csv
    python predict.py --workdir=runs/RUN --output=scores.jsonl films/
    python predict.py --model=EXPORT films/

Files, folders, patterns, or - for a list on standard input. The exit status is
0 if all were scored, 6 if some could not be, 7 if none.

Each option is a field of `inference.predict_config.PredictConfig`, the work is
that of `inference.predicting`. What is wrong with an option is reported before
TensorFlow loads. The exit status is one of `training.errors`.
"""

from __future__ import annotations

import sys

from absl import app
from absl import flags
from absl import logging

from inference import predict_config
from training import errors
from training import output
from training.config import flags as flags_lib


def main(argv: list[str]) -> int:
    """Predicts as the flags say; returns the exit status."""
    try:
        given = flags_lib.read_given(flags.FLAGS, predict_config.OPTIONS)
        config = predict_config.make(given)
        if len(argv) < 2:
            return _fail(
                "Name what is to be scored: files, folders, patterns, or - for "
                "a list on standard input."
            )
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)
        # What takes seconds: a mistyped flag does not wait for it.
        from inference import predicting

        return predicting.predict(config, argv[1:])
    except (ValueError, errors.TrainingError) as error:
        return _fail(error, getattr(error, "status", 2))
    except KeyboardInterrupt:
        return _fail("Interrupted.", status=130)


def _parse_flags(argv: list[str]) -> list[str]:
    about = (__doc__ or "").split("\n\nEach option")[0]
    return flags_lib.parse(
        argv, flags, about=about, groups=predict_config.GROUPS
    )


def _fail(error: object, status: int = 2) -> int:
    if str(error):
        print(f"predict.py: {error}", file=sys.stderr)
    return status


flags_lib.define(flags, predict_config.OPTIONS)

if __name__ == "__main__":
    with output.surviving():
        app.run(main, flags_parser=_parse_flags)

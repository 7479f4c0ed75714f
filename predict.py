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

from absl import flags

from inference import predict_config
from training import program


def main(config: predict_config.PredictConfig, arguments: list[str]) -> int:
    """Predicts as the configuration says; returns the exit status."""
    if not arguments:
        raise ValueError(
            "Name what is to be scored: files, folders, patterns, or - for a "
            "list on standard input."
        )
    # What takes seconds.
    from inference import predicting

    return predicting.predict(config, arguments)


if __name__ == "__main__":
    program.run(
        main,
        predict_config.PredictConfig,
        about=__doc__,
        flags=flags,
    )

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

from absl import flags

from inference import config as config_lib
from training import program
from training import quiet_import


def main(config: config_lib.EvaluateConfig, arguments: list[str]) -> int:
    """Evaluates as the configuration says; returns the exit status."""
    program.refuse_arguments(arguments)
    quiet_import.import_tensorflow()
    # What needs TensorFlow.
    from inference import evidence

    evidence.evaluate(config)
    return 0


if __name__ == "__main__":
    program.run(
        main,
        config_lib.EvaluateConfig,
        about=__doc__,
        flags=flags,
        interrupted="Interrupted. What a ledger has noted by now counts.",
    )

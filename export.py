"""Writes a trained run in a form that other programs load.

    python export.py --workdir=runs/RUN --format=savedmodel OUT
    python export.py --workdir=runs/RUN --format=onnx OUT
    python export.py --workdir=runs/A,runs/B,runs/C OUT  # one model, their mean

OUT is a directory, which is made: the model, a manifest, and films to test it.
Before it is there, the export was run on validation images of the run and says
what the run itself says of them.

Each option is a field of `inference.exports.config.ExportConfig`, the work is
that of `inference.exports.exporting`. The exit status is one of
`training.errors`.
"""

from __future__ import annotations

from absl import flags

from inference.exports import config as config_lib
from inference.exports import libraries
from training import program
from training import quiet_import


def main(config: config_lib.ExportConfig, arguments: list[str]) -> int:
    """Exports as the configuration says; returns the exit status."""
    if len(arguments) != 1:
        raise ValueError(
            "One directory to write to must be named, behind the options: "
            "python export.py --workdir=RUN --format=onnx OUT. Received: "
            f"{' '.join(arguments) or 'none'}"
        )
    libraries.check_writer(config.format)
    quiet_import.import_tensorflow()
    # What needs TensorFlow.
    from inference.exports import exporting

    exporting.export(config, arguments[0])
    return 0


if __name__ == "__main__":
    program.run(
        main,
        config_lib.ExportConfig,
        about=__doc__,
        flags=flags,
        interrupted="Interrupted; nothing was written.",
    )

"""Writes a trained run in a form that other programs load.

    python export.py --workdir=runs/RUN --format=savedmodel OUT
    python export.py --workdir=runs/RUN --format=onnx OUT

OUT is a directory, which is made: the model, a manifest, and films to test it.
Before it is there, the export was run on validation images of the run and says
what the run itself says of them.

Each option is a field of `inference.exports.config.ExportConfig`, the work is
that of `inference.exports.exporting`. The exit status is one of
`training.errors`.
"""

from __future__ import annotations

import sys

from absl import app
from absl import flags
from absl import logging

from inference.exports import config as config_lib
from inference.exports import libraries
from training import errors
from training import output
from training import quiet_import
from training.config import flags as flags_lib


def main(argv: list[str]) -> int:
    """Exports as the flags say; returns the exit status."""
    if len(argv) != 2:
        return _fail(
            "One directory to write to must be named, behind the options: "
            "python export.py --workdir=RUN --format=onnx OUT. Received: "
            f"{' '.join(argv[1:]) or 'none'}"
        )
    try:
        given = flags_lib.read_given(flags.FLAGS, config_lib.OPTIONS)
        config = config_lib.make(given)
        libraries.check_writer(config.format)
        quiet_import.import_tensorflow()
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)
        # What needs TensorFlow: a mistyped flag does not wait for it.
        from inference.exports import exporting

        exporting.export(config, argv[1])
    except (ValueError, errors.TrainingError) as error:
        return _fail(error, getattr(error, "status", 2))
    except KeyboardInterrupt:
        return _fail("Interrupted; nothing was written.", status=130)
    return 0


def _parse_flags(argv: list[str]) -> list[str]:
    about = (__doc__ or "").split("\n\nEach option")[0]
    return flags_lib.parse(argv, flags, about=about, groups=config_lib.GROUPS)


def _fail(error: object, status: int = 2) -> int:
    print(f"export.py: {error}", file=sys.stderr)
    return status


flags_lib.define(flags, config_lib.OPTIONS)

if __name__ == "__main__":
    with output.surviving():
        app.run(main, flags_parser=_parse_flags)

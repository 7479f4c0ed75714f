"""The command `python -m xray_tfds.report`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import sys

from console import streams
from console import warning_filters
from xray_tfds.report import writing


def _parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m xray_tfds.report",
        description="Writes DATASET_DIR/build_report/report.html, one page that"
        " says what the records are made of, and report.json, the same for"
        " programs.",
    )
    parser.add_argument(
        "dataset_dir",
        metavar="DATASET_DIR",
        help="directory of the records, such as data/tfds/xray_tfds/"
        "grayscale_256x256_bilinear/1.0.0",
    )
    parser.add_argument(
        "--num_samples",
        type=int,
        default=writing.DEFAULT_NUM_SAMPLES,
        metavar="N",
        help="sample images of each split and class (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    streams.escape_unencodable()
    warning_filters.keep_warnings()
    options = _parse_arguments(arguments)
    try:
        path = writing.write_report(
            options.dataset_dir, num_samples=options.num_samples
        )
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"The report was written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command `python -m xray_tfds.audit`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
import sys
import textwrap

from etils import epath

from console import streams
from console import warning_filters
from disk import cells
from disk import paths
from disk import whole_file
from xray_tfds.audit import auditing
from xray_tfds.audit import chart
from xray_tfds.audit import words
from xray_tfds.records import manifest


def _parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m xray_tfds.audit",
        description="How well can the label be predicted without looking at the"
        " lungs? Asks the file's container, the border, a histogram and an 8x8"
        " thumbnail; prints a table, writes audit.json and audit.png.",
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        help="folder of images, as for the build, or directory of prepared"
        " records, such as data/tfds/xray_tfds/"
        "grayscale_256x256_bilinear/1.0.0",
    )
    parser.add_argument(
        "--metadata_csv",
        metavar="FILE",
        help="in place of DIR, a table of containers with the columns label,"
        " patient, bytes, width, height, mode, luma_quantisation_sum",
    )
    _add_source_options(parser)
    parser.add_argument(
        "--output_dir",
        metavar="DIR",
        help="where to write (default: DIR/build_report for prepared records,"
        " else ./audit)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="chooses which patients share a fold (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def _add_source_options(parser):
    """Adds the options of the build that say how a folder is to be read."""
    parser.add_argument(
        "--class_names",
        metavar="A,B",
        help="names of the class folders, or auto for those that are found"
        " (default: normal,pneumonia)",
    )
    parser.add_argument(
        "--patient_pattern",
        metavar="REGEX",
        default="",
        help="as the option of the build: finds the group (?P<patient>...) in"
        " file names",
    )
    parser.add_argument(
        "--patients_csv",
        metavar="FILE",
        default="",
        help="as the option of the build: table of files and patients",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    streams.escape_unencodable()
    warning_filters.keep_warnings()
    options = _parse_arguments(arguments)
    try:
        folder = _output_dir(options)
        _check_apart(folder, options.directory)
        audit = auditing.run_audit(
            options.directory,
            metadata_csv=options.metadata_csv,
            class_names=options.class_names
            and cells.split_names(options.class_names),
            patient_pattern=options.patient_pattern,
            patients_csv=options.patients_csv,
            seed=options.seed,
        )
        picture = chart.draw(audit)
    except (OSError, ValueError, ImportError) as error:
        return _fail(error)
    except KeyboardInterrupt:
        return _fail("interrupted, nothing is written", status=130)
    problem = _write(audit, picture, folder)
    # It may have taken minutes, and is to be seen in any case.
    print(_render(audit))
    if problem is not None:
        return _fail(f"{problem}. Name another place: --output_dir=DIR.")
    print(f"\nWritten: {folder / 'audit.json'} and {folder / 'audit.png'}")
    return 0


def _output_dir(options):
    if options.output_dir:
        return epath.Path(options.output_dir).expanduser()
    if options.directory and auditing.is_prepared(options.directory):
        return epath.Path(options.directory).expanduser() / manifest.FOLDER
    return epath.Path("audit")


def _check_apart(folder, directory):
    """Raises ValueError where the next build would take it for a class."""
    if not directory or auditing.is_prepared(directory):
        return
    if paths.lies_within(folder, directory):
        raise ValueError(
            "`output_dir` must be outside the folder of images, which holds"
            " images alone. Add --output_dir=DIR with another directory."
            f" Received: output_dir={folder}, images in {directory}"
        )


def _write(audit, picture, folder):
    """Writes both files; returns the error that prevents it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(audit, indent=1, ensure_ascii=False)
        whole_file.write_text(folder / "audit.json", text + "\n")
        whole_file.write_bytes(folder / "audit.png", picture)
    except OSError as error:
        return error
    return None


def _fail(error, status=1):
    print(f"error: {error}", file=sys.stderr)
    return status


def _render(audit):
    """Returns what is printed: counts, table, what the figures mean."""
    counts = audit["counts"]
    classes = ", ".join(
        f"{entry['images']:,} {entry['label']} of {entry['patients']:,}"
        for entry in counts["classes"]
    )
    head = f"Images of patients: {classes}."
    if counts["skipped"]:
        head += f" Files that cannot be used, skipped: {counts['skipped']}."
    cautions = [_wrap(f"CAUTION: {text}") for text in audit["cautions"]]
    blocks = [head, *cautions, "", words.render_table(audit["parts"]), ""]
    # What is said of several parts of a group is said once.
    names: dict = {}
    for part in audit["parts"]:
        key = part["group"], part["meaning"]
        name = part["name"].removeprefix(f"{part['group']}: ")
        names.setdefault(key, []).append(name)
    for (group, meaning), of_group in names.items():
        blocks.append(_wrap(f"{group} ({'; '.join(of_group)}): {meaning}"))
    blocks.append("")
    blocks += [_wrap(sentence) for sentence in audit["summary"]]
    return "\n".join(blocks)


def _wrap(text):
    return textwrap.fill(
        text, 80, subsequent_indent="  ", break_on_hyphens=False
    )


if __name__ == "__main__":
    sys.exit(main())

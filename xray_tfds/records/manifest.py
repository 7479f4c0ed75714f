"""What a build leaves beside the records: every file and what became of it.

`build_report/` in the directory of the dataset holds `files.csv`, a row for
each file, and for what lies among them and is none of them (`ignored`);
`splits.json`, the assignment of patients, by their hashes; `facts.json`,
everything that is not a row for each file; and `findings.npz`, for the next
build (`findings_file`). What is told of the examples lies there already
(`disk.example_columns`).
"""

import collections
from collections.abc import Sequence
import csv
import io
import json
import platform
from typing import TYPE_CHECKING

from PIL import Image
from etils import epath
import numpy as np
import tensorflow_datasets as tfds

from disk import cells
from disk import example_columns
from xray_tfds import version
from xray_tfds.curate import split_assignment as split_assignment_lib
from xray_tfds.decode import errors as decode_errors
from xray_tfds.records import findings_file
from xray_tfds.records import thumbnails as thumbnails_lib
from xray_tfds.source import digest_index
from xray_tfds.source import files as files_lib
from xray_tfds.source import patient_doubts
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds.curate import curation as curation_lib
    from xray_tfds.curate import findings
    from xray_tfds.records import examination as examination_lib

FOLDER = example_columns.FOLDER
FILES_FILE = "files.csv"
SPLITS_FILE = "splits.json"
FACTS_FILE = "facts.json"

_COLUMNS = (
    *("filename", "given_split", "split", "label", "patient", "status"),
    *("reason", "detail", "format", "mode", "width", "height", "num_bytes"),
    *("mean", "std", "digest"),
)
_NUMBERS = ("width", "height", "num_bytes", "mean", "std")


def write(
    directory: epath.PathLike,
    info: tfds.core.DatasetInfo,
    examination: "examination_lib.Examination",
    curation: "curation_lib.Curation",
    cautions: Sequence[str],
) -> None:
    """Writes these files.

    Args:
        directory: Directory of the records.
        info: That of the records.
        examination: All files of the source.
        curation: What was decided of them.
        cautions: Sentences.
    """
    folder = epath.Path(directory) / FOLDER
    folder.mkdir(exist_ok=True)
    examined, source = examination.files, examination.source
    # A name may hold bytes that are no UTF-8; it is written back as it was.
    (folder / FILES_FILE).write_bytes(
        _to_csv(examination, curation).encode("utf-8", "surrogateescape")
    )
    owned = examined.owned
    is_hashed = any(p.rule in patients.HASHED_RULES for _, p in owned)
    hash_key = examination.hash_key.fingerprint() if is_hashed else ""
    splits = {
        "fingerprint": split_assignment_lib.fingerprint(
            curation.assignment.items()
        ),
        # Whose patients these are; neither tells a path or a key.
        "source": digest_index.path_digest(source.root),
        "hash_key": hash_key,
        "patients": curation.assignment,
    }
    (folder / SPLITS_FILE).write_text(_to_json(splits))
    facts = {
        **_describe_dataset(info, source),
        "counts": count(owned, curation),
        "patients": _describe_patients(owned, curation),
        "splits": {
            # Of the files: of splits that the folder gives, too.
            "fingerprint": info.metadata["splits_fingerprint"],
            "kept_patients": curation.num_earlier,
        },
        **_describe_exclusions(
            owned, curation, thumbnails_lib.Thumbnails(examination.png_of)
        ),
        "leaks": _describe_leaks(owned, curation, info.metadata["on_leak"]),
        "cautions": list(cautions),
    }
    (folder / FACTS_FILE).write_text(_to_json(facts))
    findings_file.write(folder, examined, examination.config, hash_key)


def lists_files(
    directory: epath.Path, files: Sequence[source_files.SourceFile]
) -> bool:
    """Whether records may be of these files, by their names and sizes.

    Args:
        directory: Directory of records, if there are any.
        files: Not read yet, or in part.
    """
    path = directory / FOLDER / FILES_FILE
    if not path.exists():
        return False
    listed: dict[tuple[str, str], str] = {}
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    try:
        for row in csv.DictReader(io.StringIO(text, newline="")):
            if row["status"] != "ignored" and row["digest"]:
                listed[row["given_split"], row["filename"]] = row["num_bytes"]
    except (csv.Error, KeyError):
        return False  # A spreadsheet has saved it in a form of its own.
    named = {
        (file.split or "", cells.to_cell(file.filename)): file for file in files
    }
    # A file that is not listed settles it, mostly without a look at the rest.
    for name in sorted(named, key=listed.__contains__):
        try:
            stamp = files_lib.look(named[name].path, named[name].stamp)
        except decode_errors.BadFile:
            continue
        if listed.pop(name, None) != str(stamp.size):
            return False
    return not listed


def count(
    owned: Sequence["findings.Owned"], curation: "curation_lib.Curation"
) -> list[dict]:
    """Returns images and patients by split and class, as a list of dicts."""
    images: collections.Counter = collections.Counter()
    people = collections.defaultdict(set)
    for index in curation.kept():
        file, patient = owned[index]
        key = (curation.split[index], file.label)
        images[key] += 1
        people[key].add(patient.key)
    return [
        {
            "split": split,
            "label": label,
            "images": number,
            "patients": len(people[split, label]),
        }
        for (split, label), number in sorted(
            images.items(),
            key=lambda item: (
                split_assignment_lib.SPLITS.index(item[0][0]),
                item[0][1],
            ),
        )
    ]


def _to_csv(examination, curation):
    buffer = io.StringIO(newline="")
    # The default end of a line has the `\r` by which a name with one is quoted.
    writer = csv.DictWriter(buffer, _COLUMNS)
    writer.writeheader()
    examined = examination.files
    formats, modes = examined.text("format"), examined.text("mode")
    numbers = zip(*(examined.columns[name].tolist() for name in _NUMBERS))
    for index, (file, patient) in enumerate(examined.owned):
        width, height, num_bytes, mean, std = next(numbers)
        reason, known = curation.reason[index], bool(formats[index])
        writer.writerow(
            {
                "filename": cells.to_cell(file.filename),
                "given_split": file.split or "",
                "split": "" if reason else curation.split[index],
                "label": cells.to_cell(file.label),
                "patient": cells.to_cell(patient.key),
                "status": "excluded" if reason else "kept",
                "reason": reason,
                "detail": cells.to_cell(curation.detail[index]),
                "format": formats[index],
                "mode": modes[index],
                "width": width if known else "",
                "height": height if known else "",
                "num_bytes": num_bytes,
                "mean": f"{mean:.3f}" if known else "",
                "std": f"{std:.3f}" if known else "",
                "digest": file.digest,
            }
        )
    for ignored in examination.source.ignored:
        name = cells.to_cell(ignored.filename)
        row = {"filename": name, "status": "ignored", "reason": ignored.reason}
        writer.writerow(row)
    return buffer.getvalue()


def _describe_dataset(info, source):
    return {
        "dataset": {
            "name": info.name,
            "version": str(info.version),
            "config": info.config_name,
            "class_names": list(info.features["label"].names),
            "image_shape": list(info.features["image"].shape),
        },
        "source": {
            "fingerprint": source.fingerprint,
            "num_files": len(source.files),
            "num_ignored": len(source.ignored),
        },
        "options": {
            name: value
            for name, value in dict(info.metadata).items()
            if name not in ("fingerprint", "num_files", "splits_fingerprint")
        },
        "versions": {
            "xray_tfds": version.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pillow": Image.__version__,
            "tensorflow_datasets": tfds.__version__,
        },
        "license": info.redistribution_info.license,
        "citation": info.citation,
        "homepage": info.homepage,
    }


def _describe_patients(owned, curation):
    kept = [owned[index].patient for index in curation.kept()]
    return {
        "total": len({patient.key for patient in kept}),
        "rules": patient_doubts.describe_rules(owned),
        "unmatched": sum(p.rule == patients.NO_RULE for p in kept),
    }


def _describe_exclusions(owned, curation, thumbnails):
    exclusions = [
        {
            "filename": owned[index].file.filename,
            "split": owned[index].file.split,
            "label": owned[index].file.label,
            "reason": reason,
            "detail": curation.detail[index],
            "thumbnail": thumbnails.make(index),
        }
        for index, reason in enumerate(curation.reason)
        if reason
    ]
    groups = [
        {
            "kind": cluster.kind,
            "conflict": position in curation.conflicts,
            "members": [
                {
                    "filename": owned[index].file.filename,
                    "split": curation.split[index],
                    "label": owned[index].file.label,
                    "patient": owned[index].patient.key,
                    "kept": not curation.reason[index],
                    "thumbnail": thumbnails.make(index),
                }
                for index in cluster.members
            ],
        }
        for position, cluster in enumerate(curation.clusters)
    ]
    return {"exclusions": exclusions, "duplicates": groups}


def _describe_leaks(owned, curation, on_leak):
    return [
        {
            "kind": leak.kind,
            "splits": list(leak.splits),
            "files": [owned[i].file.filename for i in leak.members],
            "action": "moved" if on_leak == "move" else "allowed",
        }
        for leak in curation.leaks
    ]


def _to_json(value):
    return json.dumps(value, indent=1) + "\n"

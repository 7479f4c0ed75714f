"""What a build leaves beside the records: every file and what became of it.

`build_report/` in the directory of the dataset holds `files.csv`, a row for
each file; `splits.json`, the assignment of patients, by their hashes; and
`facts.json`, everything that is not a row for each file.
"""

import collections
import csv
import io
import json
import platform

from PIL import Image
from etils import epath
import numpy as np
import tensorflow_datasets as tfds

from pages import data_urls
from xray_tfds import version
from xray_tfds.curate import split_assignment as split_assignment_lib
from xray_tfds.source import patients

FOLDER = "build_report"
SPLITS_FILE = "splits.json"

_COLUMNS = (
    *("filename", "given_split", "split", "label", "patient", "status"),
    *("reason", "detail", "format", "mode", "width", "height", "num_bytes"),
    *("mean", "std", "digest"),
)

# Pictures of left out and double files in the report, and their longer side.
_MAX_THUMBNAILS = 200
_THUMBNAIL_SIZE = 96


def write(directory, info, examined, curation, *, source, thumbnail, cautions):
    """Writes the three files.

    Args:
        directory: Directory of the records, `epath.Path`.
        info: `tfds.core.DatasetInfo` of the records.
        examined: List of `examine.ExaminedFile`.
        curation: The `curation.Curation` of them.
        source: The `scan.Source`.
        thumbnail: Function of an index that returns the PNG of the file's
            record, or `None` where there is none.
        cautions: List of sentences.
    """
    folder = epath.Path(directory) / FOLDER
    folder.mkdir(exist_ok=True)
    fingerprint = split_assignment_lib.fingerprint(curation.assignment)
    # A name may hold bytes that are no UTF-8; it is written back as it was.
    (folder / "files.csv").write_bytes(
        _to_csv(examined, curation).encode("utf-8", "surrogateescape")
    )
    (folder / SPLITS_FILE).write_text(
        _to_json(
            {
                "fingerprint": fingerprint,
                "patients": curation.assignment,
            }
        )
    )
    facts = {
        **_describe_dataset(info, source),
        "counts": count(examined, curation),
        "patients": _describe_patients(examined, curation),
        "splits": {
            "fingerprint": fingerprint,
            "kept_patients": curation.num_earlier,
        },
        **_describe_exclusions(examined, curation, _Thumbnails(thumbnail)),
        "leaks": _describe_leaks(examined, curation, info.metadata["on_leak"]),
        "cautions": cautions,
    }
    (folder / "facts.json").write_text(_to_json(facts))


def read_assignment(directory):
    """Returns hashed patient -> split of an earlier build; empty without one.

    Args:
        directory: Directory of its records.
    """
    path = epath.Path(directory) / FOLDER / SPLITS_FILE
    return json.loads(path.read_text())["patients"] if path.exists() else {}


def count(examined, curation):
    """Returns images and patients by split and class, as a list of dicts."""
    images: collections.Counter = collections.Counter()
    people = collections.defaultdict(set)
    for index in curation.kept():
        key = (curation.split[index], examined[index].file.label)
        images[key] += 1
        people[key].add(examined[index].patient.key)
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


def _to_csv(examined, curation):
    buffer = io.StringIO(newline="")
    # The default end of a line has the `\r` by which a name with one is quoted.
    writer = csv.DictWriter(buffer, _COLUMNS)
    writer.writeheader()
    for index, each in enumerate(examined):
        reason = curation.reason[index]
        known = bool(each.format)
        writer.writerow(
            {
                "filename": each.file.filename,
                "given_split": each.file.split or "",
                "split": "" if reason else curation.split[index],
                "label": each.file.label,
                "patient": each.patient.key,
                "status": "excluded" if reason else "kept",
                "reason": reason,
                "detail": curation.detail[index],
                "format": each.format,
                "mode": each.mode,
                "width": each.width if known else "",
                "height": each.height if known else "",
                "num_bytes": each.num_bytes,
                "mean": f"{each.mean:.3f}" if known else "",
                "std": f"{each.std:.3f}" if known else "",
                "digest": each.file.digest,
            }
        )
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
            "num_ignored": source.ignored,
        },
        "options": {
            name: value
            for name, value in dict(info.metadata).items()
            if name not in ("fingerprint", "num_files")
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


def _describe_patients(examined, curation):
    kept = [examined[index].patient for index in curation.kept()]
    return {
        "total": len({patient.key for patient in kept}),
        "rules": patients.describe_rules(examined),
        "unmatched": sum(p.rule == patients.NO_RULE for p in kept),
    }


def _describe_exclusions(examined, curation, thumbnails):
    exclusions = [
        {
            "filename": examined[index].file.filename,
            "split": examined[index].file.split,
            "label": examined[index].file.label,
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
                    "filename": examined[index].file.filename,
                    "split": curation.split[index],
                    "label": examined[index].file.label,
                    "patient": examined[index].patient.key,
                    "kept": not curation.reason[index],
                    "thumbnail": thumbnails.make(index),
                }
                for index in cluster.members
            ],
        }
        for position, cluster in enumerate(curation.clusters)
    ]
    return {"exclusions": exclusions, "duplicates": groups}


def _describe_leaks(examined, curation, on_leak):
    return [
        {
            "kind": leak.kind,
            "splits": list(leak.splits),
            "files": [examined[i].file.filename for i in leak.members],
            "action": "moved" if on_leak == "move" else "allowed",
        }
        for leak in curation.leaks
    ]


class _Thumbnails:
    """Small pictures as data URLs, up to a number that a page can hold."""

    def __init__(self, png_of):
        self._png_of = png_of
        self._made: dict[int, str] = {}

    def make(self, index):
        """Returns the picture of a file, `None` where there is none."""
        if index in self._made:
            return self._made[index]
        if len(self._made) == _MAX_THUMBNAILS:
            return None
        png = self._png_of(index)
        if png is None:
            return None
        self._made[index] = data_urls.thumbnail(png, max_side=_THUMBNAIL_SIZE)
        return self._made[index]


def _to_json(value):
    return json.dumps(value, indent=1) + "\n"

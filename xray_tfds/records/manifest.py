"""What a build leaves beside the records: every file and what became of it.

`build_report/` in the directory of the dataset holds `files.csv`, a row for
each file; `splits.json`, the assignment of patients, by their hashes; and
`facts.json`, everything that is not a row for each file.
"""

import base64
import collections
import csv
import io
import json
import platform

from PIL import Image
from etils import epath
import numpy as np
import tensorflow_datasets as tfds

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


def write(directory, info, findings, curation, *, source, thumbnail, cautions):
    """Writes the three files.

    Args:
        directory: Directory of the records, `epath.Path`.
        info: `tfds.core.DatasetInfo` of the records.
        findings: List of `examine.Finding`.
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
        _to_csv(findings, curation).encode("utf-8", "surrogateescape")
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
        "counts": count(findings, curation),
        "patients": _describe_patients(findings, curation),
        "splits": {
            "fingerprint": fingerprint,
            "kept_patients": curation.num_earlier,
        },
        **_describe_exclusions(findings, curation, _Thumbnails(thumbnail)),
        "leaks": _describe_leaks(findings, curation, info.metadata["on_leak"]),
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


def count(findings, curation):
    """Returns images and patients by split and class, as a list of dicts."""
    images: collections.Counter = collections.Counter()
    people = collections.defaultdict(set)
    for index in curation.kept():
        key = (curation.split[index], findings[index].file.label)
        images[key] += 1
        people[key].add(findings[index].patient.key)
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


def _to_csv(findings, curation):
    buffer = io.StringIO(newline="")
    # The default end of a line has the `\r` by which a name with one is quoted.
    writer = csv.DictWriter(buffer, _COLUMNS)
    writer.writeheader()
    for index, finding in enumerate(findings):
        reason = curation.reason[index]
        known = bool(finding.format)
        writer.writerow(
            {
                "filename": finding.file.filename,
                "given_split": finding.file.split or "",
                "split": "" if reason else curation.split[index],
                "label": finding.file.label,
                "patient": finding.patient.key,
                "status": "excluded" if reason else "kept",
                "reason": reason,
                "detail": curation.detail[index],
                "format": finding.format,
                "mode": finding.mode,
                "width": finding.width if known else "",
                "height": finding.height if known else "",
                "num_bytes": finding.num_bytes,
                "mean": f"{finding.mean:.3f}" if known else "",
                "std": f"{finding.std:.3f}" if known else "",
                "digest": finding.file.digest,
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


def _describe_patients(findings, curation):
    kept = [findings[index].patient for index in curation.kept()]
    return {
        "total": len({patient.key for patient in kept}),
        "rules": patients.describe_rules(findings),
        "unmatched": sum(p.rule == patients.NO_RULE for p in kept),
    }


def _describe_exclusions(findings, curation, thumbnails):
    exclusions = [
        {
            "filename": findings[index].file.filename,
            "split": findings[index].file.split,
            "label": findings[index].file.label,
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
                    "filename": findings[index].file.filename,
                    "split": curation.split[index],
                    "label": findings[index].file.label,
                    "patient": findings[index].patient.key,
                    "kept": not curation.reason[index],
                    "thumbnail": thumbnails.make(index),
                }
                for index in cluster.members
            ],
        }
        for position, cluster in enumerate(curation.clusters)
    ]
    return {"exclusions": exclusions, "duplicates": groups}


def _describe_leaks(findings, curation, on_leak):
    return [
        {
            "kind": leak.kind,
            "splits": list(leak.splits),
            "files": [findings[i].file.filename for i in leak.members],
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
        stored = Image.open(io.BytesIO(png))
        # Grey is shrunk as one channel, not as three.
        image = stored.convert("L" if stored.mode == "L" else "RGB")
        image.thumbnail((_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=80)
        text = base64.b64encode(buffer.getvalue()).decode()
        self._made[index] = f"data:image/jpeg;base64,{text}"
        return self._made[index]


def _to_json(value):
    return json.dumps(value, indent=1) + "\n"

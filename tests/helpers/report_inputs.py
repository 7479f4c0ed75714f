"""What a build leaves for its report, and a report read as a browser does."""

import csv
import html.parser
import json
import pathlib
import re
import shutil

from PIL import Image
import numpy as np

from xray_tfds import report

COLUMNS = (
    "filename,given_split,split,label,patient,status,reason,detail,format,mode,"
    "width,height,num_bytes,mean,std,digest"
).split(",")
CLASSES = ["normal", "pneumonia"]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklE"
    "QVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def _measure_row(path, root):
    """The row of `files.csv` of a kept file, measured with PIL and NumPy."""
    split, label, name = path.relative_to(root).parts
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"), np.float64)
        row = {"format": image.format, "mode": image.mode}
    row.update(filename=f"{label}/{name}", given_split=split, split=split)
    row.update(label=label, patient=path.stem)
    row.update(status="kept", reason="", detail="", digest="0" * 64)
    row.update(width=pixels.shape[1], height=pixels.shape[0])
    row.update(mean=pixels.mean(), std=pixels.std())
    return {**row, "num_bytes": path.stat().st_size}


def measure_rows(image_tree):
    """Rows of `files.csv`, one for each image of a tree with splits."""
    return [
        _measure_row(path, image_tree)
        for path in sorted(image_tree.rglob("*.*"))
    ]


def copy_records(prepared, directory):
    """Returns the path of a copy without its own `build_report`."""
    ignore = shutil.ignore_patterns("build_report")
    return pathlib.Path(shutil.copytree(prepared, directory, ignore=ignore))


def make_excluded(name, reason="truncated", **values):
    row = dict.fromkeys(COLUMNS, "")
    row.update(filename=name, given_split="train", label="normal")
    return {**row, "status": "excluded", "reason": reason, **values}


def make_member(name, label="normal", kept=True, **values):
    member = {"filename": name, "split": "train", "label": label}
    member.update(patient="p1", kept=kept, thumbnail=PIXEL)
    return {**member, **values}


def make_facts(**values):
    facts = {
        "dataset": {
            "name": "xray_tfds",
            "version": "9.8.7",
            "config": "grayscale_32x32_bilinear",
            "class_names": CLASSES,
            "image_shape": [32, 32, 1],
        },
        "source": {"fingerprint": "ab" * 32, "num_files": 72, "num_ignored": 3},
        "options": {"image_size": [32, 32], "seed": 17},
        "versions": {"xray_tfds": "0.0.1", "numpy": "1.2.3"},
        "license": "CC BY 4.0",
        "citation": "@article{kermany2018}",
        "homepage": "https://doi.org/10.17632/rscbjbr9sj.2",
        "patients": {
            "total": 70,
            "rules": [
                {"rule": "version 2", "files": 69, "examples": ["IM-1-1.jpeg"]}
            ],
            "unmatched": 1,
        },
        "splits": {"fingerprint": "cd" * 32, "kept_patients": 70},
        "exclusions": [],
        "duplicates": [],
        "leaks": [],
        "cautions": ["The scanner is a suspect."],
    }
    return {**facts, **values}


def write_inputs(directory, facts, rows):
    folder = directory / "build_report"
    folder.mkdir(exist_ok=True)
    (folder / "facts.json").write_text(json.dumps(facts))
    with open(folder / "files.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_audit(dataset, audit):
    folder = dataset / "build_report"
    folder.mkdir(exist_ok=True)
    (folder / "audit.json").write_text(json.dumps(audit))


class Page(html.parser.HTMLParser):
    """A page as a browser reads it: tags with attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def assert_harmless(text):
    """Nothing is loaded, nothing runs; every picture is described."""
    for tag, attributes in Page(text).tags:
        assert tag not in ("script", "iframe", "object", "embed", "base"), tag
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "srcset", "poster", "data", "action", "background"):
            assert attributes.get(name, "data:").startswith("data:")
        href = attributes.get("href", "#")
        allowed = ("#", "http://", "https://") if tag == "a" else "data:,"
        assert href.startswith(allowed) or href == "#"
        assert "url(" not in attributes.get("style", "")
        assert tag != "img" or attributes["alt"]
    style = re.search("<style>(.*?)</style>", text, re.S)[1]
    assert "url(" not in style and "@import" not in style
    assert "default-src 'none'" in text


def write(dataset, facts, rows, *, num_samples=0):
    """Writes a report and returns the page and the JSON."""
    write_inputs(dataset, facts, rows)
    path = report.write_report(dataset, num_samples=num_samples)
    assert path == type(path)(dataset / "build_report" / "report.html")
    content = json.loads((dataset / "build_report/report.json").read_text())
    text = path.read_text()
    assert_harmless(text)
    return text, content

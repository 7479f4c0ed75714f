"""What the build report says: counts, people, files, samples, absences."""

import base64
import collections
import io
import json

from PIL import Image
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.helpers import image_trees
from tests.helpers import report_inputs
import xray_tfds
from xray_tfds.report import distributions
from xray_tfds.report import page
from xray_tfds.report import samples


def test_report_says_what_the_build_left(dataset, rows):
    bad = [
        report_inputs.make_excluded("normal/cut.jpeg", detail="12 bytes short"),
        report_inputs.make_excluded(
            "normal/black.png", "constant", given_split="test"
        ),
    ]
    black = {"filename": "normal/black.png", "split": "test"}
    members = [
        report_inputs.make_member("normal/x.jpeg"),
        report_inputs.make_member("x.jpeg", "pneumonia", False),
    ]
    facts = report_inputs.make_facts(
        exclusions=[{**black, "thumbnail": report_inputs.PIXEL}],
        duplicates=[
            {"kind": "bytes", "conflict": False, "members": members[:1] * 3},
            {"kind": "near", "conflict": True, "members": members},
        ],
        leaks=[
            {
                "kind": "patient",
                "splits": ["train", "test"],
                "files": ["IM-7.png"],
                "action": "allowed",
            }
        ],
    )
    text, content = report_inputs.write(dataset, facts, rows + bad)

    expected = collections.Counter((r["split"], r["label"]) for r in rows)
    cells = content["counts"]["cells"]
    assert expected == {(c["split"], c["label"]): c["images"] for c in cells}
    assert expected == {(c["split"], c["label"]): c["patients"] for c in cells}
    assert [t["images"] for t in content["counts"]["totals"]] == [
        41,
        17,
        12,
        70,
    ]
    assert content["cautions"] == ["The scanner is a suspect."]
    exclusions = content["exclusions"]
    assert [f["filename"] for f in exclusions["files"]] == [
        "normal/black.png",
        "normal/cut.jpeg",
    ]
    assert {r["reason"]: r["labels"] for r in exclusions["reasons"]} == {
        "truncated": {"normal": 1, "pneumonia": 0},
        "constant": {"normal": 1, "pneumonia": 0},
    }
    duplicates = content["duplicates"]
    assert [g["conflict"] for g in duplicates["list"]] == [True, False]
    assert (duplicates["left_out"], duplicates["conflicts"]) == (1, 1)
    assert content["leaks"] == facts["leaks"]
    for key in ("source", "splits", "options", "versions", "citation"):
        assert content[key] == facts[key]
    assert "base64" not in json.dumps(content)

    said = report_inputs.Page(text).text
    for words in (
        *("The scanner is a suspect.", "train normal 23 23 56.1 %"),
        *("12 bytes short", "normal/black.png in test", "different labels"),
        *(
            "left as it was, on request",
            "IM-7.png",
            "1 image of the records without a rule",
        ),
        *("ab" * 32, "cd" * 32, "[32, 32]", "1.2.3", "9.8.7", "CC BY 4.0"),
        *("@article{kermany2018}", "python -m xray_tfds.audit DATASET_DIR"),
    ):
        assert words in said
    assert said.index("scanner is a suspect") < said.index("the records hold")


def test_samples_are_the_first_records_of_each_split_and_class(dataset, rows):
    text, content = report_inputs.write(
        dataset, report_inputs.make_facts(), rows, num_samples=3
    )
    builder = tfds.builder_from_directory(dataset)
    expected = []
    for split in ("train", "validation", "test"):
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        for index, label in enumerate(report_inputs.CLASSES):
            chosen = [e for e in examples if e["label"] == index][:3]
            expected += [(split, label, example) for example in chosen]
    names = [
        (sample["split"], sample["label"], name)
        for sample in content["samples"]
        for name in sample["filenames"]
    ]
    assert names == [
        (split, label, example["filename"].decode())
        for split, label, example in expected
    ]
    urls = [
        tag[1]["src"]
        for tag in report_inputs.Page(text).tags
        if tag[0] == "img"
    ]
    urls = [url for url in urls if url.startswith("data:image/jpeg")]
    for url, (_, _, example) in zip(urls, expected, strict=True):
        data = base64.b64decode(url.partition(",")[2])
        shown = np.asarray(Image.open(io.BytesIO(data)), np.float64)
        assert np.abs(shown - example["image"][..., 0]).mean() < 8


def test_samples_are_read_from_array_records(tmp_path):
    pytest.importorskip("array_record")  # None for Windows.
    names = [
        f"{label}/{n}.png" for label in report_inputs.CLASSES for n in range(10)
    ]
    image_trees.write_images(tmp_path / "images", names)
    builder = xray_tfds.Builder(
        data_dir=tmp_path / "records",
        config=xray_tfds.XrayConfig(image_size=(20, 20)),
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(
            manual_dir=tmp_path / "images"
        ),
        file_format="array_record",
    )
    wanted = {("train", label): 8 for label in report_inputs.CLASSES}
    found = samples.read_samples(builder, wanted, 2)
    examples = list(builder.as_data_source(split="train"))
    assert [[name for name, _ in each["images"]] for each in found] == [
        [e["filename"].decode() for e in examples if e["label"] == index][:2]
        for index in range(2)
    ]


def test_histograms_are_numpys(rows):
    values = collections.defaultdict(list)
    for row in rows:
        values["mean grey value", row["label"]].append(row["mean"])
    (summary,) = distributions.summarize(values, report_inputs.CLASSES)
    for label in report_inputs.CLASSES:
        numbers = values["mean grey value", label]
        counts, edges = np.histogram(numbers, summary["edges"])
        described = summary["labels"][label]
        assert described["counts"] == counts.tolist()
        assert sum(described["counts"]) == len(numbers)
        assert described["median"] == np.median(numbers)


def test_outlier_does_not_squeeze_a_histogram():
    values = {("width", "normal"): [*range(200, 400), 20000]}
    (summary,) = distributions.summarize(values, ["normal"])
    assert summary["edges"][-1] < 1000
    assert summary["labels"]["normal"]["maximum"] == 20000
    assert sum(summary["labels"]["normal"]["counts"]) == 201


@pytest.mark.parametrize("optional", [True, False], ids=["empty", "absent"])
def test_nothing_found_is_said_and_nothing_sought_is_not_called_nothing(
    dataset, rows, optional
):
    facts = report_inputs.make_facts(cautions=[]) if optional else {}
    text, content = report_inputs.write(dataset, facts, rows)
    said = report_inputs.Page(text).text
    assert "Every image file became a record." in said
    assert ("No image was found twice" in said) == optional
    assert ("did not look for duplicates" in said) != optional
    assert (content["leaks"] == []) == optional
    assert content["cautions"] == []
    assert "no doubts" in said


def test_one_split_and_a_class_missing_in_it(dataset, rows):
    info = json.loads((dataset / "dataset_info.json").read_text())
    info["splits"] = [s for s in info["splits"] if s["name"] == "train"]
    (dataset / "dataset_info.json").write_text(json.dumps(info))
    rows = [row for row in rows if row["split"] == "train"]
    facts = report_inputs.make_facts()
    facts["dataset"]["class_names"] = [*report_inputs.CLASSES, "tuberculosis"]
    _, content = report_inputs.write(dataset, facts, rows, num_samples=1)
    assert content["counts"]["splits"] == ["train"]
    (own,) = content["cautions"][1:]
    assert '"train" has no image of class "tuberculosis"' in own
    assert {sample["split"] for sample in content["samples"]} == {"train"}


def test_contradictions_are_cautions(dataset, rows):
    said = [{"split": "train", "label": "normal", "images": 5, "patients": 5}]
    _, content = report_inputs.write(
        dataset, report_inputs.make_facts(counts=said), rows[1:]
    )
    cautions = " ".join(content["cautions"])
    assert "facts.json and files.csv disagree" in cautions
    assert "examples, and the build kept" in cautions


def test_long_lists_are_cut_on_the_page_only(dataset, rows):
    number = page.MAX_EXCLUDED + 132
    bad = [
        report_inputs.make_excluded(f"normal/bad{n}.png") for n in range(number)
    ]
    leaks = [{"kind": "patient", "files": ["a"]}] * (page.MAX_LEAKS + 7)
    group = {
        "kind": "bytes",
        "members": [report_inputs.make_member(f"{n}.png") for n in "1234"],
    }
    facts = report_inputs.make_facts(
        leaks=leaks, duplicates=[group] * (page.MAX_GROUPS + 5)
    )
    text, content = report_inputs.write(dataset, facts, rows + bad)
    said = report_inputs.Page(text).text
    assert "and 132 more: see files.csv" in said
    assert "and 7 more: see report.json" in said
    assert "and 5 more: see report.json" in said
    assert len(content["exclusions"]["files"]) == number
    assert len(content["leaks"]) == len(leaks)
    assert content["duplicates"]["groups"] == page.MAX_GROUPS + 5


def test_largest_patients_and_those_in_two_splits(dataset, rows):
    shared = [
        {**row, "patient": "many"} if index % 5 == 0 else row
        for index, row in enumerate(rows)
    ]
    text, content = report_inputs.write(
        dataset, report_inputs.make_facts(), shared
    )
    sizes = collections.Counter(row["patient"] for row in shared)
    largest = content["patients"]["largest"][0]
    assert largest["images"] == sizes["many"]
    assert largest["splits"] == ["test", "train", "validation"]
    assert content["patients"]["total"] == len(sizes)
    assert {
        size["images"]: size["patients"]
        for size in content["patients"]["images_per_patient"]
    } == collections.Counter(sizes.values())
    assert "in several" in text


def test_audit_is_shown_and_what_it_flags_is_a_caution(dataset, rows):
    known = {"auc": 0.9311, "low": 0.9, "high": 0.95, "flagged": True}
    known.update(group="source files", verdict="FLAGGED")
    unknown = {"auc": None, "flagged": False, "meaning": "One patient only."}
    unknown["verdict"] = "not measured"
    audit = {
        "summary": ["All is said."],
        "parts": [
            # As the audit names the parts of this group.
            {"name": "source files: size", "meaning": "It is the <scanner>."}
            | known,
            {"name": "train and test", **unknown},
        ],
    }
    report_inputs.write_audit(dataset, audit)
    text, content = report_inputs.write(
        dataset, report_inputs.make_facts(), rows
    )
    assert content["audit"] == audit
    assert "0.93" in content["cautions"][-1]
    said = report_inputs.Page(text).text
    assert "All is said." in said
    assert (
        "files: size 0.931 0.900 to 0.950 FLAGGED It is the <scanner>." in said
    )
    assert "source files: source files" not in said
    assert "train and test – – not measured One patient only." in said
    assert "xray_tfds.audit" not in said

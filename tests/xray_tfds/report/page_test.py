"""The page of a report: harmless, and read by a browser; and the command."""

import collections
import itertools
import shutil

from PIL import Image
import numpy as np
import pytest

from tests.helpers import browser
from tests.helpers import report_inputs
from xray_tfds import report
from xray_tfds.report import __main__ as command
from xray_tfds.report import content as content_lib
from xray_tfds.report import page
from xray_tfds.report import reading

_HOSTILE = (
    "<script>alert(1)</script>.png",
    '"><img src=https://evil.example/x onerror=alert(1)>.png',
    "' onmouseover='alert(1).png",
    "{{ 7 * 7 }}{% raw %}.png",
    "</style></code><a href=javascript:alert(1)>.png",
    "line\nbreak, comma.png",
    "\u202egnp.exe",
)


def test_hostile_names_are_text_and_nothing_else(dataset, rows):
    members = [
        report_inputs.make_member(
            name, patient=name, thumbnail=f"https://evil.example/{index}"
        )
        for index, name in enumerate(_HOSTILE)
    ]
    kept = [
        {**row, "patient": name} for row, name in zip(rows, _HOSTILE)
    ] + rows[len(_HOSTILE) :]
    facts = report_inputs.make_facts(
        homepage="javascript:alert(1)",
        license=_HOSTILE[0],
        citation=_HOSTILE[1],
        cautions=list(_HOSTILE),
        options={_HOSTILE[0]: _HOSTILE[1]},
        exclusions=[
            {
                "filename": _HOSTILE[0],
                "split": "train",
                "thumbnail": "data:image/svg+xml;base64,PHN2Zz4=",
            }
        ],
        duplicates=[{"kind": _HOSTILE[0], "members": members}],
        leaks=[{"kind": "patient", "files": list(_HOSTILE)}],
    )
    bad = [
        report_inputs.make_excluded(name, name, detail=name)
        for name in _HOSTILE
    ]
    text, content = report_inputs.write(dataset, facts, kept + bad)
    texts = {chunk.strip() for chunk in report_inputs.Page(text).texts}
    for name in _HOSTILE:
        assert name in texts
    assert "javascript:alert(1)" in texts
    assert {f["filename"] for f in content["exclusions"]["files"]} == {
        *_HOSTILE
    }


def test_file_name_that_is_not_unicode_is_spelt_out(dataset, rows):
    odd = b"normal/\xff.png".decode("utf-8", "surrogateescape")
    text, content = report_inputs.write(
        dataset, report_inputs.make_facts(cautions=[odd]), rows
    )
    assert content["cautions"] == [odd]
    assert "normal/\\udcff.png" in text


def test_class_names_do_not_disturb_the_charts():
    labels = ["_hidden", "$a_1$b$", "肺炎", *"cdefg"]
    rows = itertools.product(labels, range(9))
    tally = reading.Tally(
        kept=collections.Counter({("train", label): 9 for label in labels}),
        people=collections.Counter(
            (f"{label}{n}", "train", label) for label, n in rows
        ),
        containers=collections.Counter(),
        values={("width", label): [*range(9)] for label in labels},
        excluded=[],
    )
    content = content_lib.assemble({}, tally, None, {"train": 9 * len(labels)})
    text = page.render(content, [])
    report_inputs.assert_harmless(text)
    assert all(label in report_inputs.Page(text).texts for label in labels)


def test_writing_again_gives_the_same_bytes(dataset, rows):
    first = report_inputs.write(dataset, report_inputs.make_facts(), rows)
    assert (
        report_inputs.write(dataset, report_inputs.make_facts(), rows) == first
    )
    names = {path.name for path in (dataset / "build_report").iterdir()}
    assert names == {"facts.json", "files.csv", "report.html", "report.json"}


def test_command_writes_the_report(dataset, rows, capsys):
    report_inputs.write_inputs(dataset, report_inputs.make_facts(), rows)
    assert command.main([str(dataset), "--num_samples=0"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert (dataset / "build_report/report.html").exists()


def _break(dataset, what):
    folder = dataset / "build_report"
    if what == "no report":
        shutil.rmtree(folder)
    elif what == "no dataset":
        (dataset / "dataset_info.json").unlink()
    elif what == "no rows":
        (folder / "files.csv").unlink()
    elif what == "line":
        with open(folder / "files.csv", "ab") as file:
            file.write(b"normal/a\rb.png,,train,normal\n")
    elif what == "records":
        (shard,) = dataset.glob("*-train.tfrecord-*")
        data = bytearray(shard.read_bytes())
        data[12:40] = b"\xff" * 28  # The head of the first example.
        shard.write_bytes(data)
    elif what == "pixels":
        (shard,) = dataset.glob("*-train.tfrecord-*")
        data = bytearray(shard.read_bytes())
        data[data.index(b"IDAT") + 40] ^= 1
        shard.write_bytes(data)
    elif what == "end":
        (shard,) = dataset.glob("*-test.tfrecord-*")
        shard.write_bytes(shard.read_bytes()[:-9])
    elif what == "zeros":
        (shard,) = dataset.glob("*-test.tfrecord-*")
        shard.write_bytes(bytes(shard.stat().st_size))
    elif what == "columns":
        (folder / "files.csv").write_text("filename,label\n")
    else:
        (folder / "facts.json").write_text(what)


@pytest.mark.parametrize(
    "what, words",
    [
        ("no report", "holds no facts.json"),
        ("no dataset", "holds no prepared dataset"),
        ("no rows", "holds no files.csv"),
        ("line", "cannot be read near line 7"),
        ("columns", "lacks the columns patient, split, status"),
        ("records", "is damaged: build again with --overwrite"),
        ("pixels", "The split train in "),
        ("end", "is damaged: build again with --overwrite"),
        ("zeros", "is damaged: build again with --overwrite"),
        ("{", "is not valid JSON"),
        ("[]", "must hold a JSON object"),
    ],
)
def test_what_is_missing_is_named(dataset, rows, capsys, what, words):
    report_inputs.write_inputs(dataset, report_inputs.make_facts(), rows)
    _break(dataset, what)
    assert command.main([str(dataset)]) == 1
    assert words in capsys.readouterr().err
    with pytest.raises(report.ReportError, match=words):
        report.write_report(dataset)


def test_records_that_cannot_be_opened_are_named(dataset, rows, capsys):
    report_inputs.write_inputs(dataset, report_inputs.make_facts(), rows)
    (dataset / "dataset_info.json").write_bytes(b"{")
    assert command.main([str(dataset)]) == 1
    assert f"{dataset} is damaged: dataset_info" in capsys.readouterr().err


def test_negative_number_of_samples_is_refused(dataset):
    with pytest.raises(ValueError, match="num_samples=-1"):
        report.write_report(dataset, num_samples=-1)


@browser.needs_chromium
def test_page_opens_in_a_browser(dataset, rows, tmp_path):
    report_inputs.write(
        dataset, report_inputs.make_facts(), rows, num_samples=1
    )
    picture = tmp_path / "page.png"
    result = browser.run(
        tmp_path,
        f"--screenshot={picture}",
        "--window-size=500,1600",
        (dataset / "build_report/report.html").as_uri(),
    )
    assert picture.exists(), result.stderr
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    # The margin of 16 pixels holds nothing but the lines between sections.
    assert pixels[:, -12:].min() > 200, "the page is wider than its window"
    assert (pixels.min(axis=-1) < 80).mean() > 0.005, "there is no dark text"

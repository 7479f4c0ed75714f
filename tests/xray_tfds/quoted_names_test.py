"""What `files.csv` quotes for spreadsheets has its own name to its readers."""

from etils import epath

from disk import cells
from tests.helpers import report_inputs
from xray_tfds.audit import metadata
from xray_tfds.report import content
from xray_tfds.report import reading


def test_report_counts_the_classes(tmp_path):
    names = ["+ve", "-ve", "=x", "'@x"]
    films = [report_inputs.make_excluded(f"{n}/a.png", label=n) for n in names]
    films += [{**film, "status": "kept", "split": "train"} for film in films]
    quoted = [{k: cells.to_cell(v) for k, v in film.items()} for film in films]
    facts = report_inputs.make_facts()
    facts["dataset"]["class_names"] = names
    facts["exclusions"] = [
        {"filename": "+ve/a.png", "split": "train", "thumbnail": "a picture"}
    ]
    report_inputs.write_inputs(tmp_path, facts, quoted)
    path = epath.Path(tmp_path) / "build_report" / "files.csv"
    tally = reading.tally_files(path)
    found = content.assemble(facts, tally, None, {"train": 4})
    assert found["counts"]["classes"] == names
    assert {
        row["label"]: row["images"] for row in found["counts"]["cells"]
    } == {name: 1 for name in names}
    files = found["exclusions"]["files"]
    assert {file["filename"]: file["thumbnail"] for file in files} == {
        **{f"{name}/a.png": None for name in names},
        "+ve/a.png": "a picture",
    }


def test_audit_tells_the_classes_apart(tmp_path):
    path = tmp_path / "files.csv"
    path.write_text(
        "status,label,patient,split,format,mode,num_bytes,width,height\n"
        "kept,'+ve,p1,train,PNG,L,9,9,9\n"
        "kept,'-ve,p2,train,PNG,L,9,9,9\n"
    )
    samples = metadata.read_source_files(path, ("+ve", "-ve"))
    assert samples.labels.tolist() == [0, 1]

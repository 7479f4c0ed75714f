"""The command `python -m xray_tfds.audit`: what it writes and refuses."""

import json
import os
import re
import shutil

from PIL import Image
import pytest

from tests.helpers import audited_folders
from xray_tfds.audit import __main__ as command
from xray_tfds.audit import auditing


def test_command_writes_table_json_and_chart(planted, tmp_path, capsys):
    output = tmp_path / "out"
    assert command.main([str(planted), f"--output_dir={output}"]) == 0
    printed = capsys.readouterr().out
    assert "JPEG quantisation                         1.000" in printed
    assert max(map(len, printed.split("\nWritten")[0].splitlines())) <= 80
    audit = json.loads((output / "audit.json").read_text())
    assert audit["schema"] == 1
    with Image.open(output / "audit.png") as image:
        assert image.format == "PNG" and min(image.size) > 300


def test_name_that_is_no_utf_8_is_spelt_out(planted, tmp_path):
    folder = tmp_path / "films"
    shutil.copytree(planted, folder)
    name = os.fsdecode(b"\xff.png")
    (folder / "normal" / name).write_bytes(b"none")
    output = tmp_path / "out"
    assert command.main([str(folder), f"--output_dir={output}"]) == 0
    (skipped,) = json.loads((output / "audit.json").read_text())["skipped"]
    assert skipped["filename"] == name


def test_audit_is_not_written_among_the_images(planted, monkeypatch, capsys):
    monkeypatch.chdir(planted)
    assert command.main(["."]) == 1
    message = "must be outside the folder of images.*--output_dir=DIR"
    assert re.search(message, capsys.readouterr().err)
    assert {path.name for path in planted.iterdir()} == {"normal", "pneumonia"}


def test_audit_ends_at_ctrl_c_in_a_line(planted, tmp_path, monkeypatch, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(auditing, "run_audit", interrupt)
    assert command.main([str(planted), f"--output_dir={tmp_path / 'a'}"]) == 130
    assert capsys.readouterr().err == "error: interrupted, nothing is written\n"
    assert not (tmp_path / "a").exists()


def test_audit_that_cannot_be_written_is_printed(planted, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audit.png").mkdir()
    arguments = [str(planted), f"--output_dir={tmp_path / 'out'}"]
    assert command.main(arguments) == 1
    printed = capsys.readouterr()
    assert "JPEG quantisation                         1.000" in printed.out
    assert "Written" not in printed.out
    assert re.search("audit.png.*--output_dir=DIR", printed.err)
    assert sorted(os.listdir(tmp_path / "out")) == ["audit.json", "audit.png"]


def test_command_puts_the_audit_of_records_beside_them(prepared, tmp_path):
    (info,) = audited_folders.find_records(prepared)
    copy = tmp_path / "1.0.0"
    shutil.copytree(info, copy, ignore=shutil.ignore_patterns("build_report"))
    assert command.main([str(copy)]) == 0
    assert (copy / "build_report" / "audit.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Either `directory` or `metadata_csv`"),
        (["nowhere"], "must be an existing directory"),
        (["{table.parent}"], "is damaged: dataset_info.json is no JSON"),
        (["{images}", "--metadata_csv=x"], "Either `directory`"),
        (["{images}", "--patient_pattern=("], "must be a regular expression"),
        (["{images}", "--class_names=normal"], "two or more"),
        (["{images}", "--patients_csv=no.csv"], "must be an existing file"),
        (["--metadata_csv=no.csv"], "must be an existing file"),
        (["{images}", "--seed=-1"], "`seed` must be 0 or more"),
        (["--metadata_csv={table}"], "without luma_quantisation_sum"),
        (["--metadata_csv={table}", "--class_names=a,b"], "`class_names` goes"),
    ],
)
def test_bad_arguments_are_named(
    arguments, message, planted, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "table.csv"
    table.write_text("label,patient,bytes,width,height,mode\na,1,9,3,3,L\n")
    (tmp_path / "dataset_info.json").write_bytes(b"{")
    filled = [a.format(images=planted, table=table) for a in arguments]
    assert command.main(filled) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "audit").exists()

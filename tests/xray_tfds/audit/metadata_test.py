"""Tables of containers, as people write them."""

import pytest

from xray_tfds.audit import auditing


def test_bad_cell_of_the_table_is_named(tmp_path):
    table = tmp_path / "table.csv"
    head = "label,patient,bytes,width,height,mode,luma_quantisation_sum\n"
    table.write_text(head + "a,1,9,3,3,L,\nb,2,9,zero,3,L,\n")
    with pytest.raises(ValueError, match="`width` must be .*line 3 of"):
        auditing.run_audit(metadata_csv=table)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a,Müller,9,3,3,L,1\n".encode("latin-1"), "UTF-8.*line 2"),
        (b"a," + b"x" * 150_000 + b",9,3,3,L,1\n", "line 2: field larger"),
        (None, "separated by semicolons"),
    ],
)
def test_table_that_cannot_be_read_is_named(data, message, tmp_path):
    table = tmp_path / "table.csv"
    head = b"label,patient,bytes,width,height,mode,luma_quantisation_sum\n"
    table.write_bytes(head + data if data else head.replace(b",", b";"))
    with pytest.raises(ValueError, match=f"`metadata_csv`.*{message}"):
        auditing.run_audit(metadata_csv=table)


def test_table_of_a_spreadsheet_may_be_utf_16(tmp_path):
    head = "label,patient,bytes,width,height,mode,luma_quantisation_sum\n"
    rows = "".join(f"{label},Müller {label},9,3,3,L,1\n" for label in "ab")
    (tmp_path / "table.csv").write_bytes((head + rows).encode("utf-16"))
    audit = auditing.run_audit(metadata_csv=tmp_path / "table.csv")
    assert audit["counts"]["patients"] == 2
    # One patient of each class is too few, which is no acquittal.
    assert "could not be measured" in audit["summary"][0]
    assert not any("Nothing is flagged" in text for text in audit["summary"])
